"""One connection's conversation, as a state machine without I/O.

The states and what moves between them::

    IDLE ──opened──▶ GREETING ──welcomed──▶ READY
      │                 │                     │
      └───────ended─────┴────────ended────────┴──▶ CLOSED

EventPublisher it bytes and times; it returns events and has bytes to send. A *ref* is whatever the
caller wants back with the answer; the session never looks into it.
"""

from __future__ import annotations

import heapq
from enum import Enum, auto
from itertools import takewhile
from typing import Generic

from ..errors import AiocapdistError, ProtocolError
from . import catalog
from .flights import Damaged, Event, Flight, Pushed, RefT, Replied, Settled, TimedOut, Welcomed
from .questions import keep_alive_body
from .wire import Incoming, Spoilt, Welcome, Wire

KEEP_ALIVE_AT = 0.8  # of OpenD's interval: what its own clients do
DEAD_AFTER = 3.3  # intervals without a byte from the peer: the most, whatever was asked
QUIET = 0.9  # of the patience with an answer: so long nothing else may have come either
FORGET_AFTER = 60.0  # seconds after its sending that a late reply is still expected
_LAST_SERIAL = 2**32 - 1


class State(Enum):
    """Where the conversation stands."""

    IDLE = auto()
    GREETING = auto()
    READY = auto()
    CLOSED = auto()


class Trigger(Enum):
    """What moves it on."""

    OPENED = auto()
    WELCOMED = auto()
    ENDED = auto()


TRANSITIONS: dict[State, dict[Trigger, State]] = {
    State.IDLE: {Trigger.OPENED: State.GREETING, Trigger.ENDED: State.CLOSED},
    State.GREETING: {Trigger.WELCOMED: State.READY, Trigger.ENDED: State.CLOSED},
    State.READY: {Trigger.ENDED: State.CLOSED},
    State.CLOSED: {},
}

_new = tuple.__new__  # of a named tuple: half the cost of calling its class


class Session(Generic[RefT]):
    """Hand-shake, serials, what is in flight, keep-alive and reply deadlines."""

    def __init__(self, wire: Wire, *, first_serial: int, request_timeout: float) -> None:
        self.state = State.IDLE
        self.cause: Exception | None = None
        self.welcome: Welcome | None = None
        self._wire = wire
        self._serial = first_serial
        self._request_timeout = request_timeout
        # Both in order of sending: with one timeout for all, the oldest is due first.
        self.waiting: dict[tuple[int, int], Flight[RefT]] = {}
        self._forgotten: dict[tuple[int, int], Flight[RefT]] = {}
        self._expiries: list[tuple[float, tuple[int, int]]] = []
        self._outgoing: list[Flight[RefT]] = []
        self._greeting: Flight[RefT] | None = None
        self._greet_by = 0.0
        self._heard_at = 0.0
        self._keep_alive_at = 0.0
        self._overdue_since = float("-inf")

    # ---- sending

    def open(self, now: float, greet_by: float) -> None:
        """The transport stands: greet. Unwelcomed by ``greet_by``, the session ends."""
        self._move(Trigger.OPENED)
        self._heard_at = now
        self._greet_by = greet_by
        proto_id, body = self._wire.greeting()
        self._greeting = self.request(proto_id, body, None, now)

    def cancel(self, flight: Flight[RefT]) -> bool:
        """Nobody waits for this flight any more.

        False: its bytes never left, and no trace remains. True: they may have left, so
        a tombstone keeps its serial from being used again and catches the late reply.
        """
        if self.waiting.pop(flight.key, None) is None:
            return flight.written
        if not flight.written:
            self._outgoing.remove(flight)
            return False
        self._bury(flight)
        return True

    def data_to_send(self) -> list[bytes]:
        """All messages due, each once. They count as written from now on."""
        outgoing = self._outgoing
        if not outgoing:
            return []
        data = []
        for flight in outgoing:
            flight.written = True
            data.append(flight.data)
            flight.data = b""
        outgoing.clear()
        return data

    def request(self, proto_id: int, body: bytes, ref: RefT | None, now: float) -> Flight[RefT]:
        """Put a request among the bytes to send. None is the ref of what is our own."""
        assert ref is None or self.state is State.READY
        while True:
            # 1 to 2**32 - 1: whether OpenD takes 0 for "no serial" is not known.
            self._serial = serial = self._serial + 1 if self._serial < _LAST_SERIAL else 1
            key = (proto_id, serial)
            if key not in self.waiting and key not in self._forgotten:
                break
        flight = Flight(key, ref, now, self._wire.encode(proto_id, serial, body))
        self.waiting[key] = flight
        self._outgoing.append(flight)
        return flight

    def _bury(self, flight: Flight[RefT]) -> None:
        self._forgotten[flight.key] = flight
        heapq.heappush(self._expiries, (flight.sent_at + FORGET_AFTER, flight.key))

    # ---- receiving

    def receive_data(self, data: bytes, now: float) -> list[Event[RefT]]:
        """Take in bytes from the peer. Look at ``state`` after: a broken stream ends it."""
        self._heard_at = now
        events: list[Event[RefT]] = []
        waiting, open_body = self.waiting, self._wire.open
        for message in self._wire.feed(data):
            if self.state is State.CLOSED:
                break
            proto_id = message.proto_id
            # Pushes first: their serials are OpenD's own and may equal one of ours.
            key = None if proto_id in catalog.PUSHES else (proto_id, message.serial)
            flight = None if key is None else waiting.get(key)
            try:
                if flight is None or not flight.written:
                    # What was not sent yet cannot have been answered: a serial guessed.
                    self._receive_unawaited(message, key, events)
                    continue
                # Where this ends the connection, the flight is still in flight, and is told.
                body = open_body(message)
            except Spoilt as spoilt:
                self._receive_spoilt(flight, spoilt.error, events)
                continue
            except ProtocolError as error:
                self.end(error)
                continue
            del waiting[flight.key]
            if flight.ref is not None:
                events.append(_new(Replied, (flight, body)))
            elif flight is self._greeting:
                self._receive_welcome(body, now, events)
        if self._wire.broken is not None:
            self.end(self._wire.broken)
        return events

    def _receive_unawaited(
        self, message: Incoming, key: tuple[int, int] | None, events: list[Event[RefT]]
    ) -> None:
        """A push, a late reply, or nobody's: an answer that was never asked for."""
        if key is None:
            self._receive_push(message, events)
        elif (forgotten := self._forgotten.pop(key, None)) is not None:
            events.append(Settled(forgotten, late=True))

    def _receive_push(self, message: Incoming, events: list[Event[RefT]]) -> None:
        events.append(Pushed(message.proto_id, self._wire.open(message)))

    def _receive_spoilt(
        self, flight: Flight[RefT] | None, error: AiocapdistError, events: list[Event[RefT]]
    ) -> None:
        if flight is None:
            return  # a damaged notice concerns nobody's call
        del self.waiting[flight.key]
        if flight.ref is not None:
            events.append(Damaged(flight, error))
        elif flight is self._greeting:
            self.end(error)

    def _receive_welcome(self, body: bytes, now: float, events: list[Event[RefT]]) -> None:
        try:
            self.welcome = self._wire.welcome(body)
        except AiocapdistError as error:
            self.end(error)
            return
        self._move(Trigger.WELCOMED)
        self._keep_alive_at = now + KEEP_ALIVE_AT * self.welcome.keep_alive_interval
        events.append(Welcomed(self.welcome))

    # ---- time

    def get_timer(self) -> float | None:
        """When :meth:`handle_timer` is next needed; None once closed."""
        if self.state is State.GREETING:
            return self._greet_by
        if self.state is not State.READY:
            return None
        due = min(self._keep_alive_at, self._dead_at())
        oldest = next(iter(self.waiting.values()), None)
        if oldest is not None:
            due = min(due, oldest.sent_at + self._request_timeout)
        if self._expiries:
            due = min(due, self._expiries[0][0])
        return due

    def handle_timer(self, now: float, utc: float) -> list[Event[RefT]]:
        """Do what is due at ``now``; ``utc`` is the Unix time, which a keep-alive tells."""
        events: list[Event[RefT]] = []
        if self.state is State.GREETING and now >= self._greet_by:
            self.end(ProtocolError("no answer to the hand-shake in time"))
        if self.state is not State.READY:
            return events
        if now >= self._dead_at():
            self.end(ProtocolError(f"nothing heard from OpenD for {now - self._heard_at:.0f} s"))
            return events
        self._time_out(now, events)
        self._expire(now, events)
        if now >= self._keep_alive_at:
            self.request(catalog.KEEP_ALIVE, keep_alive_body(utc), None, now)
            self._keep_alive_at = now + KEEP_ALIVE_AT * self._interval
        return events

    @property
    def _interval(self) -> float:
        assert self.welcome is not None
        return self.welcome.keep_alive_interval

    def _dead_at(self) -> float:
        """When the peer is given up, should it stay silent.

        One that owes an answer has a request's timeout for it, and a keep-alive interval at
        least: then a keep-alive has gone out in the silence too, and was not answered either.
        Only the last nine tenths must be silent: else what was asked just before the silence
        would time out first, and be asked again over the same dead connection.
        """
        patience = max(self._request_timeout, self._interval)
        owing = max(self._asked_at() + patience, self._heard_at + QUIET * patience)
        return min(owing, self._heard_at + DEAD_AFTER * self._interval)

    def _asked_at(self) -> float:
        """When the oldest was sent of what waits for an answer, or timed out in this silence."""
        if self._overdue_since + self._request_timeout > self._heard_at:
            return self._overdue_since
        oldest = next(iter(self.waiting.values()), None)
        return float("inf") if oldest is None else oldest.sent_at

    def _time_out(self, now: float, events: list[Event[RefT]]) -> None:
        # The same sum as in get_timer: rounded otherwise, nothing might be due when it says so.
        timeout, waiting = self._request_timeout, self.waiting.values()
        late = list(takewhile(lambda flight: flight.sent_at + timeout <= now, waiting))
        if late:
            self._overdue_since = self._asked_at()
        for flight in late:
            del self.waiting[flight.key]
            if not flight.written:
                self._outgoing.remove(flight)
            if flight.ref is not None:
                if flight.written:
                    self._bury(flight)
                events.append(TimedOut(flight))

    def _expire(self, now: float, events: list[Event[RefT]]) -> None:
        while self._expiries and now >= self._expiries[0][0]:
            _, key = heapq.heappop(self._expiries)
            flight = self._forgotten.pop(key, None)
            if flight is not None:
                events.append(Settled(flight, late=False))

    # ---- the end

    def end(self, cause: Exception) -> None:
        """The conversation is over. The first cause stays; later ones say less."""
        if self.state is not State.CLOSED:
            self._move(Trigger.ENDED)
            self.cause = cause

    def drain(self) -> tuple[list[Flight[RefT]], list[Flight[RefT]]]:
        """Hand back what was in flight, once: (still waited for, forgotten)."""
        waiting = [flight for flight in self.waiting.values() if flight.ref is not None]
        forgotten = list(self._forgotten.values())
        self.waiting.clear()
        self._forgotten.clear()
        self._expiries.clear()
        self._outgoing.clear()
        return waiting, forgotten

    def _move(self, trigger: Trigger) -> None:
        self.state = TRANSITIONS[self.state][trigger]
