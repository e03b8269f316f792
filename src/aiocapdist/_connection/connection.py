"""One connection, used once: a session, a transport, and a timer between them.

Everything that changes state here is synchronous; the only task is the one that carries
bytes and watches the clock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Protocol

import anyio

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
from .._transports.base import Transport
from ..errors import AiocapdistError
from .stats import ConnectionStats


class Pending(Protocol):
    """A request, and what it wants to be told. Each call must return at once and never raise."""

    proto_id: int

    def body(self) -> bytes:
        """The clear body to send."""
        ...

    def replied(self, body: bytes, at: float) -> None:
        """Its reply came, at this time."""

    def damaged(self, error: AiocapdistError, at: float) -> None:
        """Its reply came, but cannot be used."""

    def timed_out(self, *, sent: bool) -> None:
        """No reply in time. If ``sent``, :meth:`settled` will follow."""

    def settled(self, at: float) -> None:
        """Nobody waited any more; now OpenD can no longer count it either."""

    def lost(self, cause: Exception, *, sent: bool, forgotten: bool) -> None:
        """The connection ended first."""


class Connection:
    """Carries requests until it is lost, then tells every one of them so.

    ``on_ready`` is called when OpenD lets us in, ``on_lost`` at the end, before anyone in
    flight is told, ``on_push`` with what OpenD says unasked, ``after_read`` when all that
    one read brought has been handed on.
    """

    def __init__(
        self,
        transport: Transport,
        codec: Codec,
        *,
        clock: Clock,
        request_timeout: float,
        traffic: ConnectionStats,
        on_ready: Callable[[HandshakeResult], None],
        on_lost: Callable[[Exception], None],
        on_push: Callable[[int, bytes], None],
        after_read: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._request_timeout = request_timeout
        self._traffic = traffic
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._on_push = on_push
        self._after_read = after_read
        self._told = False
        self._session: Session[Pending] = Session(
            codec,
            first_serial=random.getrandbits(32),
            request_timeout=request_timeout,
        )
        self._ticker = Ticker(clock, self._session.get_timer, self._tick)

    async def run(self, handshake_deadline: float) -> Exception:
        """Greet, then carry requests until the end; return the first cause of it.

        Cancelling closes the connection: what is in flight is told that it was lost.
        """
        session = self._session
        session.start(self._clock(), handshake_deadline)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._ticker.run)
                error = await self._transport.run(self._receive, session.data_to_send)
                group.cancel_scope.cancel()
            session.close(error or ConnectionResetError("OpenD closed the connection"))
        finally:
            session.close(ConnectionAbortedError("closed on this side"))
            self._tell_all()
        assert session.cause is not None
        return session.cause

    def send(self, request: Pending, now: float) -> Flight[Pending]:
        """Send a request. Only between ``on_ready`` and the end."""
        session = self._session
        flight = session.request(request.proto_id, request.body(), request, now)
        self._traffic.calls += 1
        alone = len(session.in_flight) == 1
        # Else the ticker knows of an earlier deadline, as it nearly always does.
        if alone and (due := now + self._request_timeout) < self._ticker.next_due:
            self._ticker.poke(due)
        self._transport.schedule_write(alone)
        return flight

    @property
    def in_flight(self) -> int:
        """How many requests wait for their replies."""
        return len(self._session.in_flight)

    def forget(self, flight: Flight[Pending]) -> bool:
        """Nobody waits for it any more. Whether its bytes may have left."""
        return self._session.cancel(flight)

    # ---- what comes in

    def _receive(self, data: bytes) -> None:
        now = self._clock()
        self._hand_on(self._session.receive_data(data, now), now)

    def _tick(self) -> None:
        now = self._clock()
        self._hand_on(self._session.handle_timer(now, time.time()), now)
        self._transport.schedule_write()

    def _hand_on(self, events: list[SessionEvent[Pending]], now: float) -> None:
        took = self._traffic.replied
        for event in events:
            # First and without a match: nearly all of them are these.
            if type(event) is ReplyReceived:
                flight, body = event
                took(now - flight.sent_at)
                flight.ref.replied(body, now)  # type: ignore[union-attr]  # see Session
            else:
                self._tell(event, now)
        if self._session.state is State.CLOSED:
            self._tell_all()
            self._transport.close()
        elif events:
            self._after_read()

    def _tell(self, event: SessionEvent[Pending], now: float) -> None:
        match event:
            case ReplyInvalid(flight, error):
                _ref(flight).damaged(error, now)
            case ReplyOverdue(flight):
                _ref(flight).timed_out(sent=flight.written)
            case RequestSettled(flight, late):
                self._traffic.late_replies += late
                _ref(flight).settled(now)
            case HandshakeCompleted(result):
                if self._session.state is State.READY:  # what came with it may have ended all
                    self._on_ready(result)
                    # Until now only the hand-shake's end was due: the first keep-alive is sooner.
                    self._ticker.poke(self._session.get_timer() or now)
            case PushReceived(proto_id, body):
                self._on_push(proto_id, body)

    def _tell_all(self) -> None:
        """Wake everyone at once, with the same first cause. Once."""
        if self._told:
            return
        self._told = True
        cause = self._session.cause
        assert cause is not None
        self._on_lost(cause)
        waiting, forgotten = self._session.drain()
        # The last first: those that go back to the head of a line end up in order.
        for flight in reversed(waiting):
            _ref(flight).lost(cause, sent=flight.written, forgotten=False)
        for flight in forgotten:
            _ref(flight).lost(cause, sent=True, forgotten=True)
        self._after_read()


def _ref(flight: Flight[Pending]) -> Pending:
    assert flight.ref is not None
    return flight.ref
