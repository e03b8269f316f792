"""A client's requests that wait for a token and for the connection."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

from .._loop import Clock, Waiter
from .._protocol.flights import Flight
from ..errors import AiocapdistError
from ..quota._core.fair_queue import Place
from .request import Request

AnyRequest = Request[Any]


class Sender(Protocol):
    """What lanes need of a connection."""

    def send(self, request: AnyRequest, now: float) -> Flight[Any]:
        """Send it; ``now`` is the link's clock."""
        ...


class Link(Protocol):
    """What lanes need of the supervisor."""

    request_timeout: float
    clock: Clock
    new_waiter: Callable[[], Waiter]

    @property
    def connection(self) -> Sender | None:
        """Where requests can be sent now; None while there is no way."""
        ...

    def forget(self, flight: Flight[Any]) -> bool:
        """Nobody waits for it any more. Whether its bytes may have left."""
        ...

    def final_error(self, *, sent: bool) -> AiocapdistError | None:
        """What calls end with from now on; None while there is hope."""
        ...

    def loss(self, cause: Exception, *, sent: bool) -> AiocapdistError:
        """The error for a call that one lost connection ended."""
        ...

    def add(self, lane: RequestQueue) -> None:
        """Let the lane know of the connection's coming and going."""
        ...

    def remove(self, lane: RequestQueue) -> None:
        """The lane is done."""
        ...


class Tokens(Protocol):
    """What lanes need of a quota: :class:`aiocapdist.quota.Quota` says what each does."""

    def join(self, place: Place) -> None: ...
    def leave(self, place: Place) -> None: ...
    def try_acquire(self, now: float) -> bool: ...
    def pump(self) -> None: ...
    def replied(self, at: float) -> None: ...
    def reject(self) -> bool: ...
    def lost(self, count: int) -> None: ...
    def release(self, count: int = 1) -> None: ...
    def eta_of(self, place: Place, position: int) -> float: ...


class Way(Protocol):
    """Where a request goes, and who is told what became of its token.

    A client's lane has one, which it is itself; a group's has one for each gateway.
    """

    @property
    def name(self) -> str | None:
        """The gateway's, where there are several."""

    @property
    def link(self) -> Link: ...

    @property
    def quota(self) -> Tokens: ...


class RequestQueue(Place):
    """First come first served; what has to go again goes to the head."""

    name: str | None = None  # it is the way of its requests itself: see Way

    def __init__(self, link: Link, quota: Tokens, *, patient: bool = False) -> None:
        super().__init__(patient=patient)
        self.link = link
        self.quota = quota
        self._waiting: OrderedDict[AnyRequest, None] = OrderedDict()

    def beside(self) -> tuple[Link, Tokens]:
        """The link and the quota of another lane that serves the same."""
        return self.link, self.quota

    @property
    def length(self) -> int:
        return len(self._waiting)

    def submit(self, request: AnyRequest) -> None:
        """Put it last in line; it may leave at once. A closed client fails it instead."""
        link = self.link
        connection = link.connection
        if connection is None:
            final = link.final_error(sent=False)
            if final is not None:
                request.fail(final)
                return
        elif not self._waiting:
            now = link.clock()
            if self.quota.try_acquire(now):
                request.flight = connection.send(request, now)
                if request.scopes:
                    request.departed()
                return
        self._waiting[request] = None
        self.refresh()
        self.quota.pump()

    def put_back(self, request: AnyRequest) -> None:
        """It has to go again: first in line. The next pump may send it."""
        self._waiting[request] = None
        self._waiting.move_to_end(request, last=False)
        self.refresh()

    def refuse(self, request: AnyRequest) -> bool:
        """OpenD refused it for frequency. True: it goes again, when the quota says."""
        if not request.way.quota.reject():
            return False
        self.put_back(request)
        return True

    def withdraw(self, request: AnyRequest) -> None:
        """Nobody waits for it any more, and it was not sent."""
        self._waiting.pop(request, None)
        self.refresh()

    def eta(self, request: AnyRequest) -> float:
        """Seconds until it could go: an estimate; infinite while not connected."""
        if self.link.connection is None:
            return float("inf")
        waiting = self._waiting
        if next(reversed(waiting)) is request:  # it has just come, as nearly always
            position = len(waiting)
        else:
            position = next(n for n, other in enumerate(waiting, 1) if other is request)
        return self.quota.eta_of(self, position)

    def grant(self, count: int, now: float) -> int:
        waiting, connection = self._waiting, self.link.connection
        assert connection is not None
        used = 0
        while used < count and waiting:
            request, _ = waiting.popitem(last=False)
            try:
                request.flight = connection.send(request, now)
            except BaseException:
                self.quota.release(count - used)
                self.put_back(request)  # a fault of our own: it shall cost nobody an answer
                raise
            if request.scopes:
                request.departed()
            used += 1
        if not self._wants():
            self.refresh()
        return used

    def refresh(self) -> None:
        """Be in the quota's line exactly while there is something to send and a way."""
        if self._wants() and self.link.connection is not None:
            self.quota.join(self)
        else:
            self.quota.leave(self)

    def fail(self, error: AiocapdistError) -> None:
        """The client is at its end: so is all that waits."""
        waiting = list(self._waiting)
        self._waiting.clear()
        self.refresh()
        for request in waiting:
            request.fail(error)

    def _wants(self) -> bool:
        return bool(self._waiting)
