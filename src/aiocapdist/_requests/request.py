"""The life of one request: queued, in flight, perhaps queued again, then done.

::

    queued ──granted──▶ in flight ──replied──▶ done
       ▲                   │
       └──rejected, lost, damaged, timed out: while attempts are left

Everything here is synchronous: no state change contains an ``await``.
"""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import anyio

from .._protocol.codec import ReplyTooLong
from ..errors import (
    AiocapdistError,
    BackendError,
    OpenDError,
    ProtocolError,
    QuotaExceeded,
    QuotaUnavailable,
    RequestTimeout,
    own_copy,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._loop import Waiter
    from .._protocol.flight import Flight
    from .interfaces import Hub
    from .routes import Route

T = TypeVar("T")
log = logging.getLogger("aiocapdist")


class RequestListener(Protocol):
    """Called when a request is done: a sweep, for example."""

    def on_done(self, request: Any) -> None:
        """The request is done. Must return at once."""


class Queue(Protocol):
    """Where a request waits for a token (see :class:`.queue.RequestQueue`)."""

    hub: Hub

    def put_back(self, request: Any, *, anywhere: bool = False) -> None: ...
    def pump(self) -> None: ...
    def withdraw(self, request: Any) -> None: ...
    def eta(self, request: Any) -> float: ...

    @property
    def is_offline(self) -> bool: ...
    @property
    def trouble(self) -> QuotaUnavailable | None: ...


class Request(ABC, Generic[T]):
    """One request to OpenD, for any number of callers that wait for its reply."""

    __slots__ = (
        "answered_at",
        "attempts",
        "done",
        "error",
        "flight",
        "listeners",
        "queue",
        "route",
        "scopes",
        "value",
        "waiters",
    )

    proto_id: int
    registry: RequestListener | None = None
    """Called first when the request is done, before anyone is woken."""

    def __init__(self, queue: Queue, attempts: int) -> None:
        self.queue: Queue = queue
        self.attempts: int = attempts
        self.route: Route | None = None
        """The route it was sent on last; None if it may be sent on any."""
        self.flight: Flight[Any] | None = None
        self.waiters: dict[Waiter, None] | None = None
        """An ordered set: many callers may leave in any order. None until one waits."""
        self.listeners: tuple[RequestListener, ...] = ()
        self.scopes: dict[anyio.CancelScope, None] | None = None
        self.done: bool = False
        self.answered_at: float
        """When the reply came; set together with ``value``."""
        self.value: T | None = None
        self.error: AiocapdistError | None = None

    # ---- what each kind of request defines

    @property
    def code(self) -> str | None:
        """The security asked about; None if there is none."""
        return None

    @property
    def idempotent(self) -> bool:
        """True if it may be sent again when its fate is unknown."""
        return True

    @abstractmethod
    def body(self, route: Route) -> bytes:
        """Return the plaintext body to send on this route."""

    @abstractmethod
    def read(self, body: bytes) -> T:
        """Return the value in a reply's plaintext body, or raise the error it stands for."""

    # ---- waiting for it

    async def wait(
        self,
        while_queued: anyio.CancelScope | None = None,
        note: Callable[[Request[Any]], None] | None = None,
    ) -> T:
        """Return the value. Cancelling the last caller that waits cancels the request.

        The deadline of ``while_queued`` applies until the request is sent, no longer.
        ``note`` is called with the request, as it is then, if this caller is cancelled.
        """
        if while_queued is not None:
            self._add_scope(while_queued)
        waiter = self.queue.hub.new_waiter()
        waiters = self.waiters
        if waiters is None:
            waiters = self.waiters = {}
        waiters[waiter] = None
        try:
            await waiter
        except BaseException:
            if while_queued is not None and self.scopes is not None:
                self.scopes.pop(while_queued, None)  # else kept for as long as others wait
            if note is not None:
                note(self)
            if not self.done:
                del waiters[waiter]
                self.cancel_if_unwanted()
            raise
        return self.result()

    def _add_scope(self, scope: anyio.CancelScope) -> None:
        if self.scopes is None:
            self.scopes = {}
        self.scopes[scope] = None

    def result(self) -> T:
        """Return the value of a request that is done, or raise its error."""
        if self.error is not None:
            raise own_copy(self.error)
        return self.value  # type: ignore[return-value]

    def remove_listener(self, listener: RequestListener) -> None:
        """Remove this listener; cancel the request if it was the last."""
        self.listeners = tuple(other for other in self.listeners if other is not listener)
        self.cancel_if_unwanted()

    def cancel_if_unwanted(self) -> None:
        """Cancel the request unless someone waits for it."""
        if self.waiters or self.listeners or self.done:
            return
        self.done = True
        flight, self.flight = self.flight, None
        unused = None  # the quota of its token, if its bytes were not sent
        if flight is None:
            self.queue.withdraw(self)
        elif not flight.route.link.cancel(flight):
            unused = flight.route.quota
            unused.release()
        if self.registry is not None:
            self.registry.on_done(self)
        if unused is not None:
            unused.pump()  # last: a sweep that is served now must not join this request

    def mark_sent(self) -> None:
        """Mark as sent: deadlines for the queue no longer apply."""
        for scope in self.scopes or ():
            scope.deadline = math.inf
        self.scopes = None

    # ---- callbacks of the connection (see _connection.connection.Pending)

    def replied(self, flight: Flight[Any], body: bytes, at: float) -> None:
        self.flight = None
        try:
            self.value = self.read(body)
        except Exception as error:
            self._replied_with_error(flight, error, at)
        else:
            self.answered_at = at
            flight.route.quota.replied(at)
            self._finish()

    def _replied_with_error(self, flight: Flight[Any], error: Exception, at: float) -> None:
        quota = flight.route.quota
        if isinstance(error, QuotaExceeded) and quota.reject():
            # Its quota knows when that gateway can be asked again.
            self.queue.put_back(self, anywhere=True)
            return
        quota.replied(at)
        if isinstance(error, BackendError):
            self._retry_or_fail(error)
        elif isinstance(error, AiocapdistError):
            self.fail(error)
        else:
            self.fail(_unreadable(self.proto_id, error))

    def damaged(self, flight: Flight[Any], error: AiocapdistError, at: float) -> None:
        self.flight = None
        flight.route.quota.replied(at)
        refused = isinstance(error, OpenDError) and not isinstance(error, BackendError)
        if refused or isinstance(error, ReplyTooLong):
            self.fail(error)
        else:
            self._retry_or_fail(error)

    def timed_out(self, flight: Flight[Any]) -> None:
        self.flight = None
        if not flight.written:
            flight.route.quota.release()
        timeout = flight.route.link.request_timeout
        self._retry_or_fail(RequestTimeout(self.proto_id, timeout, self.code))

    def lost(self, flight: Flight[Any], cause: Exception) -> None:
        self.flight = None
        route, sent = flight.route, flight.written
        if sent:
            route.quota.lost(1)
        else:
            route.quota.release()
        if self.done:
            return  # cancelled between the end of the client and that of its connection
        final = self.queue.hub.final_error(sent=sent)
        if final is not None:
            self.fail(final)
        elif sent:
            self._retry_or_fail(route.link.loss(cause, sent=True), by_loss=True)
        else:
            self.queue.put_back(self)

    # ---- the end

    def _retry_or_fail(self, error: AiocapdistError, *, by_loss: bool = False) -> None:
        self.attempts -= 1
        if self.attempts <= 0 or not self.idempotent:
            self.fail(error)
        elif by_loss and self.attempts == 1 and self.registry is not None:
            self.queue.hub.last_attempts.put_back(self)
        else:
            self.queue.put_back(self)

    def fail(self, error: AiocapdistError) -> None:
        """End the request with this error. It must not be queued or in flight."""
        self.error = error
        self._finish()

    def _finish(self) -> None:
        self.done = True
        if self.registry is not None:
            self.registry.on_done(self)
        if self.waiters is not None:
            for waiter in self.waiters:
                if not waiter.done():
                    waiter.set_result(None)
        for listener in self.listeners:
            listener.on_done(self)


def _unreadable(proto_id: int, error: Exception) -> ProtocolError:
    log.error("cannot read a reply to proto %d", proto_id, exc_info=error)
    failure = ProtocolError(f"cannot read a reply to proto {proto_id}: {type(error).__name__}")
    failure.__cause__ = error
    return failure
