"""A sweep's place in line: codes are drawn as tokens come, outcomes collected as they come."""

from __future__ import annotations

import copy
from collections import Counter, OrderedDict, deque
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from ._calls import DistributionRequest
from ._desk import REMEMBERED, Desk
from ._lane import AnyRequest, RequestLane
from ._loop import Waiter
from .errors import AiocapdistError, InvalidCode
from .models import Outcome, Security

_NO_MORE: Final = object()
LEAD = 1024
"""Codes that a sweep has in flight or unread at most: it never runs far ahead of its reader."""


class SweepLane(RequestLane):
    """Looks one code ahead, so that its end, bad codes and codes that someone already
    asks about wait for no token.

    ``singles`` is the lane of the client's single calls: what other callers joined goes
    on there when the sweep is left.
    """

    def __init__(
        self, codes: Iterable[str], singles: RequestLane, desk: Desk, *, max_age: float
    ) -> None:
        super().__init__(singles.link, singles.quota, patient=True)
        self.unread: deque[Outcome] = deque()
        self.reader: Waiter | None = None
        self.failure: Exception | None = None
        self._singles = singles
        self._desk = desk
        self._max_age = max_age
        self._times = _repeated(codes)
        self._codes: Iterator[str] | None = iter(dict.fromkeys(codes) if self._times else codes)
        # Where the codes cannot be counted beforehand, the latest outcomes serve repeats.
        self._latest: OrderedDict[str, Outcome] | None = (
            None if isinstance(codes, Collection) else OrderedDict()
        )
        self._next: tuple[str, Security] | None = None
        self._under_way: set[DistributionRequest] = set()
        self._final: AiocapdistError | None = None

    # ---- what the reader calls

    @property
    def finished(self) -> bool:
        """Whether no outcome is left or to come."""
        return not (self.unread or self._under_way or self._next or self._codes is not None)

    def start(self) -> None:
        """Begin."""
        self.link.add(self)
        self._final = self.link.final_error(sent=False)
        self._go_on()

    def caught_up(self) -> None:
        """An outcome was read. Further codes are drawn many at a time, not for each."""
        if self._next is None and self._codes is not None and self._ahead() <= LEAD // 2:
            self._go_on()

    def leave(self) -> None:
        """The reader is gone: no further token is spent for it."""
        self._codes = self._next = None
        under_way, self._under_way = self._under_way, set()
        for request in under_way:
            request.leave(self)
        orphans = list(self._waiting)
        self._waiting.clear()
        self.refresh()
        self.link.remove(self)
        for orphan in orphans:
            orphan.lane = self._singles
            self._singles.submit(orphan)

    # ---- what requests call

    def wake(self, source: AnyRequest) -> None:
        assert isinstance(source, DistributionRequest)
        self._under_way.discard(source)
        error = source.own_error() if source.error is not None else None
        outcome = Outcome(source.code, source.value, error)
        if self._latest is not None:
            self._latest[source.code] = outcome
            if len(self._latest) > REMEMBERED:
                self._latest.popitem(last=False)
        for _ in range(self._times.pop(source.code, 1)):
            self._put(outcome)

    # ---- what the supervisor and the quota call

    @property
    def length(self) -> int:
        return len(self._waiting) + (self._next is not None)

    def fail(self, error: AiocapdistError) -> None:
        self._final = error
        super().fail(error)
        self._look_ahead()

    def _wants(self) -> bool:
        return bool(self._waiting) or self._next is not None

    def _take(self) -> AnyRequest | None:
        if self._waiting:
            return super()._take()
        self._look_ahead()  # the code held out may have been asked about meanwhile
        if self._next is None:
            return None
        (code, security), self._next = self._next, None
        request = self._desk.ask(code, security, self)
        self._watch(request)
        self._look_ahead()
        return request

    # ---- inside

    def _go_on(self) -> None:
        self._look_ahead()
        self.refresh()
        self.quota.pump()

    def _look_ahead(self) -> None:
        """Hold out the next code that needs a token; deal with those that need none."""
        if self._next is not None:
            if not self._answered_without_token(*self._next):
                return
            self._next = None
        while self._ahead() < LEAD:
            code = self._draw()
            if code is _NO_MORE:
                return
            try:
                security = Security.parse(code)
            except InvalidCode as error:
                shown = code if isinstance(code, str) else repr(code)
                for _ in range(self._times.pop(shown, 1)):
                    self._put(Outcome(shown, error=error))
                continue
            if not self._answered_without_token(code, security):
                self._next = (code, security)
                return

    def _ahead(self) -> int:
        """Codes in flight or unread."""
        return len(self.unread) + len(self._under_way)

    def _draw(self) -> Any:
        """The next of what was given. What the user's iterable raises ends the drawing only."""
        if self._codes is None:
            return _NO_MORE
        try:
            return next(self._codes)
        except StopIteration:
            pass
        except Exception as error:
            self.failure = error
        self._codes = None
        if self.finished and self.reader is not None:
            self.reader.wake()
        return _NO_MORE

    def _answered_without_token(self, code: str, security: Security) -> bool:
        if self._final is not None:
            self._put(Outcome(code, error=copy.copy(self._final)))
        elif self._latest is not None and (latest := self._latest.get(code)) is not None:
            self._put(latest)
        elif (value := self._desk.recent(code, self._max_age)) is not None:
            self._put(Outcome(code, value))
        elif (asked := self._desk.asked(code)) is None:
            return False
        elif asked in self._under_way:
            self._times[code] = self._times.get(code, 1) + 1
        else:
            self._watch(asked)
        return True

    def _watch(self, request: DistributionRequest) -> None:
        self._under_way.add(request)
        request.sinks.append(self)

    def _put(self, outcome: Outcome) -> None:
        self.unread.append(outcome)
        if self.reader is not None:
            self.reader.wake()


def _repeated(codes: Iterable[object]) -> dict[str, int]:
    """How often each code is given that is given more than once, where that can be told."""
    if not isinstance(codes, Collection) or isinstance(codes, set | frozenset | dict):
        return {}
    try:
        if len(set(codes)) == len(codes):
            return {}
        counts = Counter(codes)
    except TypeError:  # something unhashable: it becomes a failed outcome by itself
        return {}
    return {
        code if isinstance(code, str) else repr(code): n for code, n in counts.items() if n > 1
    }
