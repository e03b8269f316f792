"""The protocol of one connection, without I/O: handshake, serials, deadlines, keep-alive.

Bytes and times come in as arguments; events and bytes to send come out. The states are in
:mod:`.state`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import chain, repeat, takewhile
from typing import Any, Generic

from ..errors import AiocapdistError, ProtocolError
from . import catalog
from .codec import Codec, HandshakeResult, IncomingMessage, InvalidMessage
from .encoders import encode_keep_alive
from .flight import Flight, RefT
from .session_events import (
    HandshakeCompleted,
    PushReceived,
    ReplyInvalid,
    ReplyOverdue,
    ReplyReceived,
    RequestSettled,
    SessionEvent,
)
from .state import State, Trigger, next_state

KEEP_ALIVE_AT = 0.8  # of OpenD's interval, as its own clients do
SILENCE_LIMIT = 3.0  # keep-alive intervals without a byte: then the connection is dead
MIN_SILENCE = 0.9  # of the time a reply may take: a shorter silence never ends a connection
TOMBSTONE_LIFETIME = 60.0  # seconds from sending until a late reply is no longer expected
_ASKED_IN = (State.READY, State.CLOSED)  # the enum's members are looked up once, not each call
_SERIALS = range(1, 2**32)  # it is not known whether OpenD treats 0 as "no serial"

_new = tuple.__new__  # makes a named tuple at half the cost of calling its class


def serials_after(first: int) -> Iterator[int]:
    """Yield one serial after the other from the one after ``first``, over and over."""
    return chain(_SERIALS[first:], chain.from_iterable(repeat(_SERIALS)))


class Session(Generic[RefT]):
    """The protocol state of one connection. Used once.

    ``first_serial`` is the serial before the first one used. ``request_timeout`` is in seconds
    from sending, the same for all requests. ``cause`` is why the session was closed.
    """

    def __init__(self, codec: Codec, *, first_serial: int, request_timeout: float) -> None:
        self.state = State.IDLE
        self.cause: Exception | None = None
        self.handshake_result: HandshakeResult | None = None
        self._codec = codec
        self._serials = serials_after(first_serial)
        self._request_timeout = request_timeout
        # In order of sending: with one timeout for all, the oldest is due first.
        self.in_flight: dict[int, Flight[RefT]] = {}
        self._tombstones: dict[int, Flight[RefT]] = {}
        self._expiries: list[tuple[float, int]] = []
        self._unsent: list[Flight[RefT]] = []
        self._unsent_data: list[bytes] = []
        self._handshake: Flight[RefT] | None = None
        self._handshake_deadline = 0.0
        self._heard_at = 0.0
        self._keep_alive_at = 0.0
        self._overdue_since = float("-inf")

    # Sending

    def start(self, now: float, deadline: float) -> None:
        """Begin the handshake on an open connection. Closes itself if it takes past ``deadline``.

        Send what :meth:`data_to_send` returns next.
        """
        self._move(Trigger.STARTED)
        self._heard_at = now
        self._handshake_deadline = deadline
        proto_id, body = self._codec.encode_handshake()
        self._handshake = self.request(proto_id, body, None, now)

    def request(
        self, proto_id: int, body: bytes, ref: RefT | None, now: float, route: Any = None
    ) -> Flight[RefT]:
        """Queue a request for :meth:`data_to_send` and return its flight.

        ``ref`` is the caller's own object; None is for the session's own messages. ``route``
        is kept with the flight.
        """
        # After the end of the stream it is lost with the others, unsent: one read may bring both
        # a reply, which lets the next request go, and what ends the connection.
        assert ref is None or self.state in _ASKED_IN
        in_flight = self.in_flight
        serial = next(self._serials)
        while serial in in_flight or serial in self._tombstones:
            serial = next(self._serials)
        data = self._codec.encode(proto_id, serial, body)
        in_flight[serial] = flight = Flight(proto_id, serial, ref, now, route)
        self._unsent.append(flight)
        self._unsent_data.append(data)
        return flight

    def cancel(self, flight: Flight[RefT]) -> bool:
        """Cancel a request. True if its bytes may have been sent.

        If so, a tombstone keeps its serial reserved and recognises the late reply.
        """
        if self.in_flight.pop(flight.serial, None) is None:
            return flight.written
        if not flight.written:
            self._remove_unsent(flight)
            return False
        self._add_tombstone(flight)
        return True

    def data_to_send(self) -> list[bytes]:
        """Return the queued messages, each once, and mark them as written; none once closed."""
        if self.cause is not None:
            return []
        for flight in self._unsent:
            flight.written = True
        self._unsent.clear()
        data, self._unsent_data = self._unsent_data, []
        return data

    def _remove_unsent(self, flight: Flight[RefT]) -> None:
        index = self._unsent.index(flight)
        del self._unsent[index], self._unsent_data[index]

    def _add_tombstone(self, flight: Flight[RefT]) -> None:
        self._tombstones[flight.serial] = flight
        heapq.heappush(self._expiries, (flight.sent_at + TOMBSTONE_LIFETIME, flight.serial))

    # Receiving

    def receive_data(self, data: bytes, now: float) -> list[SessionEvent[RefT]]:
        """Accept received bytes and return what they mean. Check ``state`` after."""
        self._heard_at = now
        events: list[SessionEvent[RefT]] = []
        if self.state is State.CLOSED:
            return events
        codec, in_flight = self._codec, self.in_flight
        decode = codec.decode
        try:
            for message in codec.feed(data):
                serial = message.serial
                flight = in_flight.get(serial)
                try:
                    # An unsent request has no reply yet: OpenD invented the serial.
                    if flight is None or not flight.written or flight.proto_id != message.proto_id:
                        flight = None  # nor is it damaged if this message is
                        self._receive_unmatched(message, events)
                        continue
                    body = decode(message)
                except InvalidMessage as invalid:
                    self._receive_invalid(flight, invalid.error, events)
                    continue
                del in_flight[serial]
                if flight.ref is not None:
                    events.append(_new(ReplyReceived, (flight, body)))
                elif flight is self._handshake:
                    self._receive_handshake(body, now, events)
        except AiocapdistError as error:  # it ends the connection: what follows is dropped
            self.close(error)
        if codec.error is not None:
            self.close(codec.error)
        return events

    def _receive_unmatched(
        self, message: IncomingMessage, events: list[SessionEvent[RefT]]
    ) -> None:
        """Handle a push or a late reply; drop anything else."""
        proto_id = message.proto_id
        if proto_id in catalog.PUSHES:
            # First: its serial is OpenD's own and may equal one of ours.
            events.append(PushReceived(proto_id, self._codec.decode(message)))
            return
        tombstone = self._tombstones.get(message.serial)
        if tombstone is not None and tombstone.proto_id == proto_id:
            del self._tombstones[tombstone.serial]
            events.append(RequestSettled(tombstone, late=True))

    def _receive_invalid(
        self,
        flight: Flight[RefT] | None,
        error: AiocapdistError,
        events: list[SessionEvent[RefT]],
    ) -> None:
        if flight is None:
            return  # a damaged push: no call depends on it
        del self.in_flight[flight.serial]
        if flight.ref is not None:
            events.append(ReplyInvalid(flight, error))
        elif flight is self._handshake:
            raise error

    def _receive_handshake(self, body: bytes, now: float, events: list[SessionEvent[RefT]]) -> None:
        self.handshake_result = self._codec.decode_handshake(body)
        self._move(Trigger.HANDSHAKE_COMPLETED)
        self._keep_alive_at = now + KEEP_ALIVE_AT * self._interval
        events.append(HandshakeCompleted(self.handshake_result))

    # Time

    def get_timer(self) -> float | None:
        """Return when to call :meth:`handle_timer` next; None if not needed."""
        if self.state is State.HANDSHAKE:
            return self._handshake_deadline
        if self.state is not State.READY:
            return None
        due = min(self._keep_alive_at, self._dead_at())
        oldest = next(iter(self.in_flight.values()), None)
        if oldest is not None:
            due = min(due, oldest.sent_at + self._request_timeout)
        if self._expiries:
            due = min(due, self._expiries[0][0])
        return due

    def handle_timer(self, now: float, utc: float) -> list[SessionEvent[RefT]]:
        """Handle the deadlines up to ``now``. ``utc`` is the Unix time, sent in keep-alives."""
        events: list[SessionEvent[RefT]] = []
        if self.state is State.HANDSHAKE and now >= self._handshake_deadline:
            self.close(ProtocolError("no reply in time"))
        if self.state is not State.READY:
            return events
        if now >= self._dead_at():
            self.close(ProtocolError(f"nothing heard from OpenD for {now - self._heard_at:.0f} s"))
            return events
        self._expire_requests(now, events)
        self._expire_tombstones(now, events)
        if now >= self._keep_alive_at:
            self.request(catalog.KEEP_ALIVE, encode_keep_alive(utc), None, now)
            self._keep_alive_at = now + KEEP_ALIVE_AT * self._interval
        return events

    @property
    def _interval(self) -> float:
        assert self.handshake_result is not None
        return self.handshake_result.keep_alive_interval

    def _dead_at(self) -> float:
        """Return when the connection counts as dead if nothing more is received.

        With a reply outstanding: one request timeout after its request, and at least one
        keep-alive interval, so that a keep-alive went unanswered too. The silence itself must
        cover 90 % of that: otherwise a request sent just before the silence would time out
        first and be sent again over the same dead connection.
        """
        patience = max(self._request_timeout, self._interval)
        with_request = max(self._asked_at() + patience, self._heard_at + MIN_SILENCE * patience)
        return min(with_request, self._heard_at + SILENCE_LIMIT * self._interval)

    def _asked_at(self) -> float:
        """Return when the oldest unanswered request was sent, overdue ones of this silence too."""
        if self._overdue_since + self._request_timeout > self._heard_at:
            return self._overdue_since
        oldest = next(iter(self.in_flight.values()), None)
        return float("inf") if oldest is None else oldest.sent_at

    def _expire_requests(self, now: float, events: list[SessionEvent[RefT]]) -> None:
        # The same sum as in get_timer: with other rounding nothing might be due at its time.
        timeout, in_flight = self._request_timeout, self.in_flight.values()
        overdue = list(takewhile(lambda flight: flight.sent_at + timeout <= now, in_flight))
        if overdue:
            self._overdue_since = self._asked_at()
        for flight in overdue:
            del self.in_flight[flight.serial]
            if not flight.written:
                self._remove_unsent(flight)
            if flight.ref is not None:
                if flight.written:
                    self._add_tombstone(flight)
                events.append(ReplyOverdue(flight))

    def _expire_tombstones(self, now: float, events: list[SessionEvent[RefT]]) -> None:
        while self._expiries and now >= self._expiries[0][0]:
            _, serial = heapq.heappop(self._expiries)
            flight = self._tombstones.pop(serial, None)
            if flight is not None:
                events.append(RequestSettled(flight, late=False))

    # Closing

    def close(self, cause: Exception) -> None:
        """Close the session. The first cause is kept. Call :meth:`drain` next."""
        if self.state is not State.CLOSED:
            self._move(Trigger.CLOSED)
            self.cause = cause

    def drain(self) -> tuple[list[Flight[RefT]], list[Flight[RefT]]]:
        """Return what was in flight, once: (requests still waited for, tombstones)."""
        waiting = [flight for flight in self.in_flight.values() if flight.ref is not None]
        tombstones = list(self._tombstones.values())
        self.in_flight.clear()
        self._tombstones.clear()
        self._expiries.clear()
        self._unsent.clear()
        self._unsent_data.clear()
        self._codec.clear()  # who keeps the cause keeps its traceback, and so this session
        return waiting, tombstones

    def _move(self, trigger: Trigger) -> None:
        self.state = next_state(self.state, trigger)
