"""The requests of a sweep: codes are drawn as tokens come, outcomes collected as they come."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias

from .._loop import Waiter, wake
from .._protocol import catalog
from ..errors import AiocapdistError, InvalidCode, RequestTimeout, own_copy
from ..models import CapitalDistribution, Outcome, Security
from .given_codes import GivenCodes, shown_as
from .interruption import Interruption
from .kinds import SharedRequest
from .queue import RequestQueue
from .single_flight import CACHED, Distributions

WINDOW = 128
"""Number of codes for each gateway that are in flight or unread at most. So few objects live at
once that Python's garbage collector seldom runs."""
MAX_WINDOW = 1024
"""The same for all gateways together."""

_new = tuple.__new__  # makes a named tuple at half the cost of calling its class

SweepRequest: TypeAlias = SharedRequest[str, CapitalDistribution]


class SweepSource:
    """Makes a sweep's requests, in a queue of its own (see :class:`.interfaces.Source`).

    It looks one code ahead, so that the end, wrong codes and codes that somebody already
    asks for wait for no token. ``singles`` is the queue of the client's single calls:
    requests that other callers joined go on there when the sweep is left.
    """

    def __init__(
        self,
        codes: Iterable[str | Security],
        singles: RequestQueue,
        single_flight: Distributions,
        *,
        timeout: float | None,
        max_age: float,
    ) -> None:
        self.deadline: float | None = None
        """When codes without an answer get a RequestTimeout; None before it starts, or never."""
        self.queue: RequestQueue = RequestQueue(
            singles.hub, singles.all_routes, patient=True, source=self
        )
        self.unread: deque[Outcome] = deque()
        self.reader: Waiter | None = None
        self.failure: Exception | None = None
        self.left: bool = False
        self._singles = singles
        self._single_flight = single_flight
        self._timeout = timeout
        self._max_age = max_age
        self._given: GivenCodes | None = GivenCodes(codes)
        self._repeats = self._given.repeats
        self._codes: Iterator[str | Security] | None = iter(())
        # Where the codes cannot be counted beforehand, the latest outcomes serve repeats.
        self._latest: OrderedDict[str, Outcome] | None = (
            None if isinstance(codes, Collection) else OrderedDict()
        )
        # Such codes are made by the user's own code, which may let others join the line.
        self.one_at_a_time: bool = self._latest is not None
        self._next: tuple[str, Security] | None = None
        self._pending: dict[SweepRequest, None] = {}  # as an ordered set
        self._final: AiocapdistError | None = None
        self._overdue: Interruption | None = None
        self._in_cache = self._latest is not None or max_age > 0
        # True if every code that no other call asks for needs a token.
        self._simple = not self._in_cache
        self._window = min(WINDOW * len(singles.all_routes), MAX_WINDOW)
        self._room = 0  # nothing is drawn before the codes are counted

    # ---- called by the reader

    @property
    def finished(self) -> bool:
        """True if no outcome is left or to come."""
        return not (self.unread or self._pending or self._next or self._codes is not None)

    @property
    def started(self) -> bool:
        """True once the codes are counted and drawn."""
        return self._given is None

    def start(self) -> None:
        """Begin to draw codes; of a large collection, count some of them. Call it until started."""
        hub, given = self.queue.hub, self._given
        if given is None:
            return
        if self._timeout is not None and self.deadline is None:
            self.deadline = hub.clock() + self._timeout
        hub.add(self.queue)
        given.count()
        if given.counted:
            self._codes, self._given = given.draw(), None
            self._room = self._window
            self._resume()

    def outcomes_read(self) -> None:
        """Draw further codes if there is room for many: not for each outcome that was read."""
        if self.deadline is not None and self._expire_if_due() and self._next is not None:
            self._resume()  # no token need come any more for the next code
        self._room = self._window - len(self.unread) - len(self._pending)
        if self._overdue is not None:
            self.look_ahead()  # no token will come for the next code: it is in no line any more
        elif self._next is None and self._codes is not None and self._room >= self._window // 2:
            self._resume()

    def leave(self) -> None:
        """Stop: no further token is spent for this sweep. Repeatable."""
        self.left = True
        self._codes = self._next = self._given = None
        self._drop_pending()
        self.queue.hub.remove(self.queue)

    def _drop_pending(self) -> None:
        """Give up all requests. Those that other callers joined go on without this sweep."""
        pending, self._pending = self._pending, {}
        for request in pending:
            request.remove_listener(self)
            if not request.done and request.queue is self.queue:
                request.queue = self._singles
        for joined in self.queue.drain():
            self._singles.submit(joined)

    # ---- called by requests

    def on_done(self, request: SweepRequest) -> None:
        """Keep the outcome of a request until it is read."""
        self._pending.pop(request, None)
        code, error, route = request.key, request.error, request.route
        own = None if error is None else own_copy(error)
        gateway = None if route is None else route.name
        outcome: Outcome = _new(Outcome, (code, request.value, own, gateway))
        if self._latest is not None:
            self._latest[code] = outcome
            if len(self._latest) > CACHED:
                self._latest.popitem(last=False)
        if self._repeats:
            self.unread.extend([outcome] * (self._repeats.pop(code, 1) - 1))
        self.unread.append(outcome)
        reader = self.reader
        if reader is not None and not reader.done():
            reader.set_result(None)

    # ---- called by the queue (see interfaces.Source)

    @property
    def ready(self) -> bool:
        return self._next is not None

    def take(self) -> SweepRequest | None:
        if self._next is None:
            return None
        (code, security), self._next = self._next, None
        request = self._single_flight.start(code, security, self.queue)
        request.listeners = (self,)
        self._pending[request] = None
        return request

    def look_ahead(self) -> None:
        """Find the next code that needs a token; answer those before it that need none."""
        if self.deadline is not None:
            self._expire_if_due()
        if self._next is not None:
            if not self._answer_without_token(self._next[0]):
                return
            self._next = None
        self._draw()

    def fail(self, error: AiocapdistError) -> None:
        self._final = error
        self._simple = False
        self.look_ahead()

    # ---- the deadline

    def _expire_if_due(self) -> bool:
        """Once the time is over, give each code that has no answer yet a RequestTimeout.

        True if that happened just now.
        """
        if self._overdue is not None or self.queue.hub.clock() < (self.deadline or 0.0):
            return False
        pending = list(self._pending)
        reasons = [Interruption(request) for request in pending]
        self._overdue, self._simple = Interruption(), False
        self._overdue.note_queued(self.queue, self.queue.eta_at(1))
        self._overdue.eta = None  # right for the next code alone
        self._drop_pending()
        for request, reason in zip(pending, reasons, strict=True):
            self._put_each(request.key, self._timed_out(request.key, reason))
        return True

    def _timed_out(self, code: str, reason: Interruption) -> RequestTimeout:
        assert self._timeout is not None
        return reason.error(catalog.CAPITAL_DISTRIBUTION, self._timeout, code)

    # ---- codes

    def _resume(self) -> None:
        self._final = self.queue.final_error()
        self._simple = not self._in_cache and self._final is None and self._overdue is None
        self.look_ahead()
        self.queue.update_places()
        self.queue.pump()

    def _draw(self) -> None:
        codes = self._codes
        while codes is not None and self._room > 0:
            try:
                given = next(codes)
            except StopIteration:
                return self._exhausted()
            except Exception as error:  # of the user's iterable: it ends the drawing only
                self.failure = error
                return self._exhausted()
            self._room -= 1
            try:
                security = Security.parse(given)
            except InvalidCode as error:
                self._put_invalid(given, error)
                continue
            code = given if isinstance(given, str) else str(given)
            asked = code in self._single_flight.pending
            if (self._simple and not asked) or not self._answer_without_token(code):
                self._next = (code, security)
                return None
        return None

    def _exhausted(self) -> None:
        self._codes = None
        if self.finished and self.reader is not None:
            wake(self.reader)

    def _put_invalid(self, code: object, error: InvalidCode) -> None:
        # A copy without the traceback, whose frames would hold the reader: dropped before
        # this was read, it would be found by the garbage collector only.
        self._put_each(shown_as(code), own_copy(error))

    def _answer_without_token(self, code: str) -> bool:
        """True if this code needs no request of its own."""
        if self._latest is not None and (latest := self._latest.get(code)) is not None:
            self._put(latest)
        elif self._max_age > 0 and (answer := self._single_flight.cached(code, self._max_age)):
            for _ in range(self._repeats.pop(code, 1)):
                self._put(Outcome(code, answer.value, None, answer.gateway))
        elif self._overdue is not None:
            self._put_each(code, self._timed_out(code, self._overdue))
        elif self._final is not None:
            self._put_each(code, own_copy(self._final))
        elif (request := self._single_flight.pending.get(code)) is None:
            return False
        elif request in self._pending:
            self._repeats[code] = self._repeats.get(code, 1) + 1
        else:
            self._pending[request] = None
            request.listeners = (*request.listeners, self)
        return True

    def _put_each(self, code: str, error: AiocapdistError) -> None:
        """Add an outcome with this error each time that the code was given."""
        for _ in range(self._repeats.pop(code, 1)):
            self._put(Outcome(code, error=error))

    def _put(self, outcome: Outcome) -> None:
        self.unread.append(outcome)
        if self.reader is not None:
            wake(self.reader)
