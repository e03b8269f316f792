"""A client's requests that wait for a token and for the connection."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Protocol

from ._protocol.session import Flight
from ._request import Request
from .errors import AiocapdistError
from .quota.line import Lane

AnyRequest = Request[Any]


class Link(Protocol):
    """What lanes need of the supervisor."""

    request_timeout: float

    @property
    def ready(self) -> bool:
        """Whether requests can be sent now."""
        ...

    def send(self, request: AnyRequest) -> Flight[Any]:
        """Send it. Only while ready."""
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

    def add(self, lane: RequestLane) -> None:
        """Let the lane know of the connection's coming and going."""
        ...

    def remove(self, lane: RequestLane) -> None:
        """The lane is done."""
        ...


class Tokens(Protocol):
    """What lanes need of a quota: :class:`aiocapdist.quota.Quota` says what each does."""

    def join(self, lane: Lane) -> None: ...
    def leave(self, lane: Lane) -> None: ...
    def pump(self) -> None: ...
    def replied(self) -> None: ...
    def refuse(self) -> bool: ...
    def lost(self, count: int) -> None: ...
    def unsent(self, count: int = 1) -> None: ...
    def eta_in(self, lane: Lane, position: int) -> float: ...


class RequestLane(Lane):
    """First come first served; what has to go again goes to the head."""

    def __init__(self, link: Link, quota: Tokens, *, patient: bool = False) -> None:
        super().__init__(patient=patient)
        self.link = link
        self.quota = quota
        self._waiting: OrderedDict[AnyRequest, None] = OrderedDict()

    @property
    def length(self) -> int:
        return len(self._waiting)

    def submit(self, request: AnyRequest) -> None:
        """Put it last in line; it may leave at once. A closed client fails it instead."""
        final = self.link.final_error(sent=False)
        if final is not None:
            request.fail(final)
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
        if not self.quota.refuse():
            return False
        self.put_back(request)
        return True

    def withdraw(self, request: AnyRequest) -> None:
        """Nobody waits for it any more, and it was not sent."""
        self._waiting.pop(request, None)
        self.refresh()

    def eta(self, request: AnyRequest) -> float:
        """Seconds until it could go: an estimate; infinite while not connected."""
        if not self.link.ready:
            return float("inf")
        position = next(n for n, other in enumerate(self._waiting, 1) if other is request)
        return self.quota.eta_in(self, position)

    def grant(self) -> bool:
        request = self._take()
        if request is None:
            self.refresh()
            return False
        request.departed(self.link.send(request))
        self.refresh()
        return True

    def refresh(self) -> None:
        """Be in the quota's line exactly while there is something to send and a way."""
        if self._wants() and self.link.ready:
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

    def _take(self) -> AnyRequest | None:
        if not self._waiting:
            return None
        return self._waiting.popitem(last=False)[0]
