"""A sweep's place in line: codes are drawn as tokens come, outcomes collected as they come."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Collection, Iterable, Iterator

from .._loop import Waiter, wake
from ..errors import AiocapdistError, InvalidCode, own_copy
from ..models import Outcome, Security
from .kinds import DistributionRequest
from .queue import RequestQueue
from .single_flight import REMEMBERED, SingleFlight

LEAD = 1024
"""Codes that a sweep has in flight or unread at most: it never runs far ahead of its reader."""


class SweepSource(RequestQueue):
    """Looks one code ahead, so that its end, bad codes and codes that someone already
    asks about wait for no token.

    ``singles`` is the lane of the client's single calls: what other callers joined goes
    on there when the sweep is left.
    """

    def __init__(
        self, codes: Iterable[str], singles: RequestQueue, desk: SingleFlight, *, max_age: float
    ) -> None:
        super().__init__(*singles.beside(), patient=True)
        self.unread: deque[Outcome] = deque()
        self.reader: Waiter | None = None
        self.failure: Exception | None = None
        self.left: bool = False
        self._singles = singles
        self._desk = desk
        self._max_age = max_age
        self._times = _repeated(codes)
        self._codes: Iterator[str] | None = iter(_once(codes) if self._times else codes)
        # Where the codes cannot be counted beforehand, the latest outcomes serve repeats.
        self._latest: OrderedDict[str, Outcome] | None = (
            None if isinstance(codes, Collection) else OrderedDict()
        )
        self._next: tuple[str, Security] | None = None
        self._under_way: set[DistributionRequest] = set()
        self._final: AiocapdistError | None = None
        # Whether a code that nobody else asks about needs a token, whatever it is.
        self._plain = self._latest is None and max_age <= 0
        self._room = LEAD

    # ---- what the reader calls

    @property
    def finished(self) -> bool:
        """Whether no outcome is left or to come."""
        return not (self.unread or self._under_way or self._next or self._codes is not None)

    def start(self) -> None:
        """Begin."""
        self.link.add(self)
        self._final = self.link.final_error(sent=False)
        self._plain = self._plain and self._final is None
        self._go_on()

    def caught_up(self) -> None:
        """Outcomes were read. Further codes are drawn many at a time, not for each."""
        self._room = LEAD - len(self.unread) - len(self._under_way)
        if self._next is None and self._codes is not None and self._room >= LEAD // 2:
            self._go_on()

    def leave(self) -> None:
        """The reader is gone: no further token is spent for it."""
        self.left = True
        self._codes = self._next = None
        under_way, self._under_way = self._under_way, set()
        for request in under_way:
            request.leave(self)
            if not request.done and request.lane is self:
                request.lane = self._singles  # others joined it: it goes on there
        orphans = list(self._waiting)
        self._waiting.clear()
        self.refresh()
        self.link.remove(self)
        for orphan in orphans:
            orphan.lane = self._singles
            self._singles.submit(orphan)

    # ---- what requests call

    def wake(self, source: DistributionRequest) -> None:
        self._under_way.discard(source)
        code, error = source.code, source.error
        own = None if error is None else own_copy(error)
        fields = (code, source.value, own, source.way.name)
        outcome: Outcome = tuple.__new__(Outcome, fields)  # half the cost of Outcome(…)
        if self._latest is not None:
            self._latest[code] = outcome
            if len(self._latest) > REMEMBERED:
                self._latest.popitem(last=False)
        if self._times:
            self.unread.extend([outcome] * (self._times.pop(code, 1) - 1))
        self.unread.append(outcome)
        if self.reader is not None:
            wake(self.reader)

    # ---- what the supervisor and the quota call

    @property
    def length(self) -> int:
        return len(self._waiting) + (self._next is not None)

    def fail(self, error: AiocapdistError) -> None:
        self._final = error
        self._plain = False
        super().fail(error)
        self._look_ahead()

    def _wants(self) -> bool:
        return bool(self._waiting) or self._next is not None

    def grant(self, count: int, now: float) -> int:
        # What has to go again goes first.
        used = super().grant(count, now) if self._waiting else 0
        self._look_ahead()  # the code held out may have been asked about meanwhile
        connection, desk = self.link.connection, self._desk
        assert connection is not None
        if self._latest is not None:
            # The codes are made by the user's own code, which may let others join meanwhile.
            count = min(count, 1)
        while used < count and self._next is not None:
            (code, security), self._next = self._next, None
            request = desk.ask(code, security, self)
            request.sinks = (self,)
            self._under_way.add(request)
            request.flight = connection.send(request, now)
            used += 1
            self._draw_next()
        if not self._wants():
            self.refresh()
        return used

    # ---- inside

    def _go_on(self) -> None:
        self._look_ahead()
        self.refresh()
        self.quota.pump()

    def _look_ahead(self) -> None:
        """Hold out the next code that needs a token; deal with those that need none."""
        if self._next is not None:
            if not self._answered_without_token(self._next[0]):
                return
            self._next = None
        self._draw_next()

    def _draw_next(self) -> None:
        codes = self._codes
        while codes is not None and self._room > 0:
            try:
                code = next(codes)
            except StopIteration:
                return self._drawn()
            except Exception as error:  # the user's iterable: it ends the drawing only
                self.failure = error
                return self._drawn()
            self._room -= 1
            try:
                security = Security.parse(code)
            except InvalidCode as error:
                self._put_invalid(code, error)
                continue
            if self._plain and code not in self._desk.asked:
                self._next = (code, security)
                return None
            if not self._answered_without_token(code):
                self._next = (code, security)
                return None
        return None

    def _drawn(self) -> None:
        """No code is left to draw."""
        self._codes = None
        if self.finished and self.reader is not None:
            wake(self.reader)

    def _put_invalid(self, code: object, error: InvalidCode) -> None:
        shown = shown_as(code)
        for _ in range(self._times.pop(shown, 1)):
            # A copy without the traceback, whose frames would hold the reader: dropped before
            # this was read, it would be found by the garbage collector only.
            self._put(Outcome(shown, error=own_copy(error)))

    def _answered_without_token(self, code: str) -> bool:
        if self._final is not None:
            for _ in range(self._times.pop(code, 1)):
                self._put(Outcome(code, error=own_copy(self._final)))
        elif self._latest is not None and (latest := self._latest.get(code)) is not None:
            self._put(latest)
        elif self._max_age > 0 and (value := self._desk.recent(code, self._max_age)) is not None:
            for _ in range(self._times.pop(code, 1)):
                self._put(Outcome(code, value, None, self._desk.answered_by(code)))
        elif (asked := self._desk.asked.get(code)) is None:
            return False
        elif asked in self._under_way:
            self._times[code] = self._times.get(code, 1) + 1
        else:
            self._watch(asked)
        return True

    def _watch(self, request: DistributionRequest) -> None:
        self._under_way.add(request)
        request.sinks = (*request.sinks, self)

    def _put(self, outcome: Outcome) -> None:
        self.unread.append(outcome)
        if self.reader is not None:
            wake(self.reader)


def _repeated(codes: Iterable[object]) -> dict[str, int]:
    """How often each code is given that is given more than once, where that can be told."""
    if not isinstance(codes, Collection) or isinstance(codes, set | frozenset | dict):
        return {}
    names = [shown_as(code) for code in codes]
    if len(set(names)) == len(names):
        return {}
    return {name: n for name, n in Counter(names).items() if n > 1}


def _once(codes: Iterable[str]) -> Iterable[str]:
    """Each code once, in the order in which they first come."""
    return {shown_as(code): code for code in codes}.values()


def shown_as(code: object) -> str:
    """What an outcome calls a code: its text, or of what is none how Python writes it."""
    return code if isinstance(code, str) else repr(code)
