"""One connection's conversation, as a state machine without I/O.

The states and what moves between them::

    IDLE ──opened──▶ GREETING ──welcomed──▶ READY
      │                 │                     │
      └───────ended─────┴────────ended────────┴──▶ CLOSED

Feed it bytes and times; it returns events and has bytes to send. A *ref* is whatever the
caller wants back with the answer; the session never looks into it.
"""

from __future__ import annotations

import heapq
from enum import Enum, auto
from itertools import takewhile
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from ..errors import AiocapdistError, ProtocolError
from . import catalog
from .frames import Frame
from .questions import keep_alive_body
from .wire import Spoilt, Welcome, Wire

KEEP_ALIVE_AT = 0.8  # of OpenD's interval: what its own clients do
DEAD_AFTER = 3.3  # intervals without a byte from the peer
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

RefT = TypeVar("RefT")


class Flight(Generic[RefT]):
    """One request under way. ``written`` is set before its bytes are handed out."""

    __slots__ = ("key", "ref", "sent_at", "written")

    def __init__(self, key: tuple[int, int], ref: RefT | None, sent_at: float) -> None:
        self.key = key
        self.ref = ref
        self.sent_at = sent_at
        self.written = False


class Replied(NamedTuple, Generic[RefT]):
    """The reply to a request: its clear body."""

    flight: Flight[RefT]
    body: bytes


class Damaged(NamedTuple, Generic[RefT]):
    """A request's reply came, but is unusable."""

    flight: Flight[RefT]
    error: Spoilt


class TimedOut(NamedTuple, Generic[RefT]):
    """A request had no reply in time. It stays known, as forgotten."""

    flight: Flight[RefT]


class Settled(NamedTuple, Generic[RefT]):
    """A forgotten request's late reply came, or is no longer expected."""

    flight: Flight[RefT]


class Welcomed(NamedTuple):
    """The hand-shake is done."""

    welcome: Welcome


class Pushed(NamedTuple):
    """OpenD said something unasked."""

    proto_id: int
    body: bytes


Event: TypeAlias = (
    Replied[RefT] | Damaged[RefT] | TimedOut[RefT] | Settled[RefT] | Welcomed | Pushed
)


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
        self._waiting: dict[tuple[int, int], Flight[RefT]] = {}
        self._forgotten: dict[tuple[int, int], Flight[RefT]] = {}
        self._expiries: list[tuple[float, tuple[int, int]]] = []
        self._outgoing: dict[Flight[RefT], bytes] = {}
        self._greeting: Flight[RefT] | None = None
        self._greet_by = 0.0
        self._heard_at = 0.0
        self._keep_alive_at = 0.0

    # ---- sending

    def open(self, now: float, greet_by: float) -> None:
        """The transport stands: greet. Unwelcomed by ``greet_by``, the session ends."""
        self._move(Trigger.OPENED)
        self._heard_at = now
        self._greet_by = greet_by
        proto_id, body = self._wire.greeting()
        self._greeting = self._launch(proto_id, body, None, now)

    def request(self, proto_id: int, body: bytes, ref: RefT, now: float) -> Flight[RefT]:
        """Put a request among the bytes to send."""
        assert self.state is State.READY, self.state
        return self._launch(proto_id, body, ref, now)

    def forget(self, flight: Flight[RefT]) -> bool:
        """Nobody waits for this flight any more.

        False: its bytes never left, and no trace remains. True: they may have left, so
        a tombstone keeps its serial from being used again and catches the late reply.
        """
        if self._outgoing.pop(flight, None) is not None:
            del self._waiting[flight.key]
            return False
        if self._waiting.pop(flight.key, None) is not None:
            self._bury(flight)
        return True

    def data_to_send(self) -> bytes:
        """All bytes due, each once. What they carry counts as written from now on."""
        outgoing = self._outgoing
        if not outgoing:
            return b""
        for flight in outgoing:
            flight.written = True
        data = b"".join(outgoing.values())
        outgoing.clear()
        return data

    def _launch(self, proto_id: int, body: bytes, ref: RefT | None, now: float) -> Flight[RefT]:
        key = self._new_key(proto_id)
        flight = Flight(key, ref, now)
        self._waiting[key] = flight
        self._outgoing[flight] = self._wire.encode(proto_id, key[1], body)
        return flight

    def _new_key(self, proto_id: int) -> tuple[int, int]:
        while True:
            # 1 to 2**32 - 1: whether OpenD takes 0 for "no serial" is not known.
            self._serial = self._serial % _LAST_SERIAL + 1
            key = (proto_id, self._serial)
            if key not in self._waiting and key not in self._forgotten:
                return key

    def _bury(self, flight: Flight[RefT]) -> None:
        self._forgotten[flight.key] = flight
        heapq.heappush(self._expiries, (flight.sent_at + FORGET_AFTER, flight.key))

    # ---- receiving

    def receive_data(self, data: bytes, now: float) -> list[Event[RefT]]:
        """Take in bytes from the peer. Look at ``state`` after: a broken stream ends it."""
        self._heard_at = now
        events: list[Event[RefT]] = []
        for frame in self._wire.feed(data):
            if self.state is State.CLOSED:
                break
            self._receive_frame(frame, now, events)
        if self._wire.broken is not None:
            self.end(self._wire.broken)
        return events

    def _receive_frame(self, frame: Frame, now: float, events: list[Event[RefT]]) -> None:
        # Pushes first: their serials are OpenD's own and may equal one of ours.
        if frame.proto_id in catalog.PUSHES:
            self._receive_push(frame, events)
            return
        key = (frame.proto_id, frame.serial)
        flight = self._waiting.pop(key, None)
        if flight is None:
            forgotten = self._forgotten.pop(key, None)
            if forgotten is not None:
                events.append(Settled(forgotten))
            return  # else nobody's: an answer we never asked for
        try:
            body = self._wire.open(frame)
        except Spoilt as error:
            self._receive_spoilt(flight, error, events)
            return
        if flight.ref is not None:
            events.append(Replied(flight, body))
        elif flight is self._greeting:
            self._receive_welcome(body, now, events)

    def _receive_push(self, frame: Frame, events: list[Event[RefT]]) -> None:
        try:
            events.append(Pushed(frame.proto_id, self._wire.open(frame)))
        except Spoilt:
            pass  # a damaged notice concerns nobody's call

    def _receive_spoilt(
        self, flight: Flight[RefT], error: Spoilt, events: list[Event[RefT]]
    ) -> None:
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
        oldest = next(iter(self._waiting.values()), None)
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
            self._launch(catalog.KEEP_ALIVE, keep_alive_body(utc), None, now)
            self._keep_alive_at = now + KEEP_ALIVE_AT * self._interval
        return events

    @property
    def _interval(self) -> float:
        assert self.welcome is not None
        return self.welcome.keep_alive_interval

    def _dead_at(self) -> float:
        return self._heard_at + DEAD_AFTER * self._interval

    def _time_out(self, now: float, events: list[Event[RefT]]) -> None:
        last_sending = now - self._request_timeout
        waiting = self._waiting.values()
        for flight in list(takewhile(lambda flight: flight.sent_at <= last_sending, waiting)):
            del self._waiting[flight.key]
            self._outgoing.pop(flight, None)
            if flight.ref is not None:
                if flight.written:
                    self._bury(flight)
                events.append(TimedOut(flight))

    def _expire(self, now: float, events: list[Event[RefT]]) -> None:
        while self._expiries and now >= self._expiries[0][0]:
            _, key = heapq.heappop(self._expiries)
            flight = self._forgotten.pop(key, None)
            if flight is not None:
                events.append(Settled(flight))

    # ---- the end

    def end(self, cause: Exception) -> None:
        """The conversation is over. The first cause stays; later ones say less."""
        if self.state is not State.CLOSED:
            self._move(Trigger.ENDED)
            self.cause = cause

    def drain(self) -> tuple[list[Flight[RefT]], list[Flight[RefT]]]:
        """Hand back what was in flight, once: (still waited for, forgotten)."""
        waiting = [flight for flight in self._waiting.values() if flight.ref is not None]
        forgotten = list(self._forgotten.values())
        self._waiting.clear()
        self._forgotten.clear()
        self._expiries.clear()
        self._outgoing.clear()
        return waiting, forgotten

    def _move(self, trigger: Trigger) -> None:
        self.state = TRANSITIONS[self.state][trigger]
