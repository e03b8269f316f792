"""Events from one client to however many listeners, none of whom can slow it."""

from __future__ import annotations

from collections import deque
from typing import Protocol
from weakref import WeakSet

from .._loop import Waiter, new_waiter, wake
from ..events import Event, EventsDropped

KEPT = 256
"""Events that a listener may be behind; then it loses the oldest and is told how many."""

KEPT_BYTES = 65_536
"""Bytes, as they came, of the notices among them: one alone may be as long as that."""


class EventStream:
    """``async for event in client.events()``: from now on, until the client is closed.

    Cancelling leaves the stream where it was: the next event comes with the next step.
    A stream that is dropped costs nothing any more.
    """

    def __init__(self, awaited: set[EventStream], *, closed: bool) -> None:
        self._awaited = awaited
        self._events: deque[tuple[Event, int]] = deque()
        self._size = 0
        self._missed = 0
        self._closed = closed
        self._waiter: Waiter | None = None

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        if self._waiter is not None:
            raise RuntimeError("two tasks read one event stream; call client.events() for each")
        while not (self._missed or self._events):
            if self._closed:
                raise StopAsyncIteration
            self._waiter = new_waiter()
            # Held meanwhile: a task that nobody holds lives only by what it waits for.
            self._awaited.add(self)
            try:
                await self._waiter
            finally:
                self._awaited.discard(self)
                self._waiter = None
        if self._missed:
            missed, self._missed = self._missed, 0
            return EventsDropped(count=missed)
        return self._take()

    async def aclose(self) -> None:
        """Listen no more: whoever waits for the next event is told that there is none."""
        self._events.clear()
        self._size = self._missed = 0
        self.end()

    def put(self, event: Event, size: int = 0) -> None:
        """Another event, of so many bytes; the oldest go if there are too many."""
        if self._closed:
            return
        while self._events and (
            len(self._events) == KEPT or (size and self._size + size > KEPT_BYTES)
        ):
            self._take()
            self._missed += 1
        self._events.append((event, size))
        self._size += size
        self._wake()

    def _take(self) -> Event:
        event, size = self._events.popleft()
        self._size -= size
        return event

    def end(self) -> None:
        """No further event will come."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None:
            wake(self._waiter)


class Listener(Protocol):
    """What a feed needs of those that it tells; a stream is one."""

    def put(self, event: Event, size: int = 0) -> None:
        """Another event, of so many bytes as it came. Must return at once."""

    def end(self) -> None:
        """No further event will come."""


class EventPublisher:
    """Hands each event to every listener, at once. It keeps none alive that nobody awaits."""

    def __init__(self) -> None:
        self._streams: WeakSet[Listener] = WeakSet()
        self._awaited: set[EventStream] = set()
        self._closed = False

    def listen(self) -> EventStream:
        """A new listener, for events from now on."""
        stream = EventStream(self._awaited, closed=self._closed)
        self._streams.add(stream)
        return stream

    def add(self, listener: Listener) -> None:
        """Tell this one too."""
        self._streams.add(listener)

    def publish(self, event: Event, size: int = 0) -> None:
        """Never waits and never raises. ``size`` is how many bytes came for it."""
        for stream in self._streams:
            stream.put(event, size)

    def close(self) -> None:
        """The client is at its end: listeners hear what is left, and then that."""
        self._closed = True
        for stream in self._streams:
            stream.end()
