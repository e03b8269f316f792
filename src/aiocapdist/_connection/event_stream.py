"""Distribute events to any number of listeners, none of which can delay the client."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, Protocol
from weakref import WeakSet

from .._loop import Waiter, new_waiter, wake

if TYPE_CHECKING:
    from ..events import Event

KEPT = 256
"""Number of unread events kept for a listener; beyond it the oldest are dropped."""

KEPT_BYTES = 65_536
"""Total size of the unread notices kept, as received; a single notice may be larger."""


class EventStream:
    """Events of a client: ``async for event in client.events()``.

    The iteration ends when the client is closed. Cancelling it loses no event. A stream that
    is no longer referenced is dropped.
    """

    client: object = None
    """Kept from being dropped while the stream is read."""

    def __init__(self, awaited: set[EventStream], *, closed: bool) -> None:
        self._awaited = awaited
        self._events: deque[tuple[Event, int]] = deque()
        self._size = 0
        self._dropped = 0
        self._closed = closed
        self._waiter: Waiter | None = None

    if not TYPE_CHECKING:

        def __await__(self) -> NoReturn:
            raise TypeError("events are not awaited: `async for event in client.events()`")

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        if self._waiter is not None:
            raise RuntimeError("two tasks read one event stream; call client.events() for each")
        while not (self._dropped or self._events):
            if self._closed:
                raise StopAsyncIteration
            self._waiter = new_waiter()
            # A strong reference: asyncio itself keeps only a weak one to a waiting task.
            self._awaited.add(self)
            try:
                await self._waiter
            finally:
                self._awaited.discard(self)
                self._waiter = None
        if self._dropped:
            count, self._dropped = self._dropped, 0
            from ..events import EventsDropped

            return EventsDropped.model_construct(count=count)
        return self._pop()

    async def aclose(self) -> None:
        """Stop listening and drop unread events; a task waiting for an event gets the end."""
        self._events.clear()
        self._size = self._dropped = 0
        self.end()

    # Called by the publisher.

    def put(self, event: Event, size: int = 0) -> None:
        """Add an event, for which ``size`` bytes were received; drop the oldest if too many."""
        if self._closed:
            return
        while self._events and (
            len(self._events) == KEPT or (size and self._size + size > KEPT_BYTES)
        ):
            self._pop()
            self._dropped += 1
        self._events.append((event, size))
        self._size += size
        self._wake()

    def end(self) -> None:
        """End the stream after its unread events."""
        self._closed = True
        self._wake()

    def _pop(self) -> Event:
        event, size = self._events.popleft()
        self._size -= size
        return event

    def _wake(self) -> None:
        if self._waiter is not None:
            wake(self._waiter)


class Listener(Protocol):
    """Receives events from a publisher. An EventStream is one."""

    def put(self, event: Event, size: int = 0) -> None:
        """Take an event, for which ``size`` bytes were received. Must return at once."""

    def end(self) -> None:
        """No further event will follow."""


class EventPublisher:
    """Passes each event to all listeners. Holds weak references to those not being awaited."""

    def __init__(self) -> None:
        self._streams: WeakSet[Listener] = WeakSet()
        self._awaited: set[EventStream] = set()
        self._closed = False

    def listen(self) -> EventStream:
        """Return a new stream of the events from now on."""
        stream = EventStream(self._awaited, closed=self._closed)
        self._streams.add(stream)
        return stream

    def add(self, listener: Listener) -> None:
        """Add a listener."""
        self._streams.add(listener)

    def publish(self, event: Event, size: int = 0) -> None:
        """Pass on an event, for which ``size`` bytes were received. Never waits or raises."""
        for stream in self._streams:
            stream.put(event, size)

    def publish_made(self, make: Callable[[], Event], size: int = 0) -> None:
        """Pass on the event that ``make`` returns. While nobody listens, none is made: the
        module of events, with a dozen models, is loaded when one is used."""
        if self._streams:
            self.publish(make(), size)

    def close(self) -> None:
        """Close the publisher: listeners read what is left, then end."""
        self._closed = True
        for stream in self._streams:
            stream.end()
