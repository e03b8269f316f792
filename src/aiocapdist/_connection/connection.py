"""One connection, used once: a session, a transport, and a timer between them.

All state changes here are synchronous; the only task carries bytes and watches the clock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sized
from typing import TYPE_CHECKING, Any, Protocol

from .._loop import Clock, Ticker
from .._protocol.codec import Codec, HandshakeResult
from .._protocol.flight import Flight
from .._protocol.session import Session
from .._protocol.session_events import (
    HandshakeCompleted,
    PushReceived,
    ReplyInvalid,
    ReplyOverdue,
    ReplyReceived,
    RequestSettled,
    SessionEvent,
)
from .._protocol.state import State
from .._task_group import create_task_group, run_child
from ..errors import AiocapdistError
from .stats import ConnectionStats

if TYPE_CHECKING:
    from .._transports.base import Transport


class Pending(Protocol):
    """A request as the connection sees it. Each callback must return at once and never raise."""

    proto_id: int

    def body(self, route: Any) -> bytes:
        """Return the plaintext body to send on this route."""
        ...

    def replied(self, flight: Flight[Any], body: bytes, at: float) -> None:
        """The reply came, at this time."""

    def damaged(self, flight: Flight[Any], error: AiocapdistError, at: float) -> None:
        """The reply came, but cannot be used."""

    def timed_out(self, flight: Flight[Any]) -> None:
        """No reply came in time."""

    def lost(self, flight: Flight[Any], cause: Exception) -> None:
        """The connection was lost before the reply came."""


class Connection:
    """Carries requests until it is lost, then tells each of them.

    ``on_ready`` is called when the handshake has succeeded, ``on_lost`` at the end, before
    any request in flight is told, ``on_push`` with each push, ``after_read`` when everything
    that one read brought has been handled. A flight that nobody waits for any more settles by
    its own route, whatever became of its request.
    """

    def __init__(
        self,
        transport: Transport,
        codec: Codec,
        *,
        clock: Clock,
        request_timeout: float,
        stats: ConnectionStats,
        on_ready: Callable[[HandshakeResult], None],
        on_lost: Callable[[Exception], None],
        on_push: Callable[[int, bytes], None],
        after_read: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._request_timeout = request_timeout
        self._stats = stats
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._on_push = on_push
        self._after_read = after_read
        self._ended = False
        self._lost: list[Flight[Pending]] = []
        self._cancelled: list[Flight[Pending]] = []
        self.answered: bool = False
        """True once any request was answered."""
        self._session: Session[Pending] = Session(
            codec,
            first_serial=random.getrandbits(32),
            request_timeout=request_timeout,
        )
        self.flights: Sized = self._session.in_flight
        """The requests that wait for their replies."""
        self._ticker = Ticker(clock, self._session.get_timer, self._tick, busy=transport.readable)

    async def run(self, handshake_by: float) -> Exception:
        """Do the handshake, then carry requests until the end; return the cause of the end.

        Cancelling closes the connection: requests in flight are told that it was lost.
        """
        session = self._session
        session.start(self._clock(), handshake_by)
        try:
            async with create_task_group() as group:
                group.start_soon(run_child, self._ticker.run)
                error = await self._transport.run(self._receive, session.data_to_send)
                group.cancel_scope.cancel()
            session.close(error or ConnectionResetError("OpenD closed the connection"))
        finally:
            session.close(ConnectionAbortedError("closed on this side"))
            self._tell_all()
        assert session.cause is not None
        return session.cause

    def send(
        self, request: Pending, route: Any, now: float, alone: bool = False
    ) -> Flight[Pending]:
        """Send a request, at once if it is ``alone``. Only between ``on_ready`` and ``on_lost``."""
        session = self._session
        flight = session.request(request.proto_id, request.body(route), request, now, route)
        self._stats.calls += 1
        first = len(session.in_flight) == 1
        # Else the ticker knows of an earlier deadline, as it nearly always does.
        if first and (due := now + self._request_timeout) < self._ticker.next_due:
            self._ticker.poke(due)
        self._transport.schedule_write(first and alone)
        return flight

    def cancel(self, flight: Flight[Pending]) -> bool:
        """Cancel a request. True if its bytes may have been sent."""
        return self._session.cancel(flight)

    def abandon(self) -> None:
        """Tell every request in flight, where :meth:`run` was kept from it."""
        self._session.close(ConnectionAbortedError("closed on this side"))
        self._tell_all()

    def close(self, cause: Exception) -> None:
        """Close the connection for this cause, unless it is closed already."""
        self._session.close(cause)
        self._transport.close()

    # ---- callbacks of the transport and the ticker

    def _receive(self, received: list[bytes]) -> None:
        now = self._clock()
        events: list[SessionEvent[Pending]] = []
        for data in received:
            events += self._session.receive_data(data, now)
        self._handle(events, now)  # together: what follows a read is done once for all of it

    def _tick(self) -> None:
        now = self._clock()
        self._handle(self._session.handle_timer(now, time.time()), now)
        self._transport.schedule_write()

    def _handle(self, events: list[SessionEvent[Pending]], now: float) -> None:
        add_round_trip = self._stats.replied
        for event in events:
            # First and without a match: nearly all of them are these.
            if type(event) is ReplyReceived:
                flight, body = event
                add_round_trip(now - flight.sent_at)
                flight.ref.replied(flight, body, now)  # type: ignore[union-attr]  # see Session
                self.answered = True
            else:
                self._handle_rare(event, now)
        if self._session.state is State.CLOSED:
            self._tell_all()
            self._transport.close()
        elif events:
            self._after_read()

    def _handle_rare(self, event: SessionEvent[Pending], now: float) -> None:
        match event:
            case ReplyInvalid(flight, error):
                _request_of(flight).damaged(flight, error, now)
            case ReplyOverdue(flight):
                _request_of(flight).timed_out(flight)
            case RequestSettled(flight, late):
                self._stats.late_replies += late
                flight.route.quota.replied(now)
            case HandshakeCompleted(result):
                if self._session.state is State.READY:  # what came with it may have ended all
                    self._on_ready(result)
                    # Until now only the handshake's end was due: the first keep-alive is sooner.
                    self._ticker.poke(self._session.get_timer() or now)
            case PushReceived(proto_id, body):
                self._on_push(proto_id, body)

    def _tell_all(self) -> None:
        """Tell every request in flight, with the same first cause. Each once.

        A later call goes on where an exception left off.
        """
        cause = self._session.cause
        assert cause is not None
        if not self._ended:
            self._ended = True
            self._lost, self._cancelled = self._session.drain()
            self._on_lost(cause)
        elif not (self._lost or self._cancelled):
            return
        # The last first: those that go back to the head of a queue end up in order.
        while self._lost:
            flight = self._lost.pop()
            _request_of(flight).lost(flight, cause)
        while self._cancelled:
            self._cancelled.pop().route.quota.lost(1)
        self._after_read()


def _request_of(flight: Flight[Pending]) -> Pending:
    assert flight.ref is not None
    return flight.ref
