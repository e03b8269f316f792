"""Events for many readers: numbered, kept for those who come back, the latest for each. No I/O."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import anyio

from ._json import encode

KEPT = 4096
"""Number of events kept for readers that come back. They are shared by all."""
MAX_READERS = 1000
"""Number of readers at once."""
BATCH = 8
"""Number of events handed to a reader at once: about as much as a connection buffers."""


class TooManyReaders(Exception):
    """Raised for a reader beyond the largest number."""


class Event(NamedTuple):
    """One event, as it is sent. A newer one of its ``slot`` replaces it if it is not yet read."""

    slot: str
    data: bytes
    number: int = 0
    """Counts from 1; 0 for events that are not kept."""


class Feed:
    """Passes events on to readers. ``watch`` is told to each first: what the feed is about."""

    def __init__(self, watch: Mapping[str, Any], *, kept: int = KEPT) -> None:
        self._watch = watch
        # Numbers start again with each process, and must not be taken for those of another.
        self._epoch = secrets.token_hex(4)
        self._number = 0
        self._figures: dict[str, Event] = {}
        self._errors: dict[str, Event] = {}
        self._status: Event | None = None
        self._history: deque[Event] = deque(maxlen=kept)
        self.readers: set[FeedReader] = set()
        self.closed: bool = False
        self.sent: int = 0
        """Number of events handed to readers."""
        self.replaced: int = 0
        """Number of events replaced by newer ones before their reader was ready for them."""

    # ---- written to

    def publish(self, code: str, record: Mapping[str, Any]) -> None:
        """Tell of new figures of a code, or of its error."""
        self._number += 1
        head = f"id: {self._epoch}-{self._number}\nevent: change\n"
        event = Event(code, _encoded(head, record), self._number)
        if "error" in record:
            self._errors[code] = event
        else:
            self._errors.pop(code, None)
            self._figures[code] = event
        self._history.append(event)
        self._put(event)

    def tell_status(self, status: Mapping[str, Any]) -> None:
        """Tell how the connection and the quota are. Not kept: only the latest is of use."""
        self._status = Event("status", _encoded("event: status\n", status))
        self._put(self._status)

    def tell_curve(self, code: str, points: Sequence[Sequence[float]]) -> None:
        """Tell that a code's curve has got its earlier points."""
        data = _encoded("event: curve\n", {"code": code, "points": points})
        self._put(Event(f"curve {code}", data))

    def end_readers(self) -> None:
        """End all readers; new ones may come."""
        for reader in list(self.readers):
            reader.end()

    def close(self) -> None:
        """End all readers, and let none begin. Repeatable."""
        self.closed = True
        self.end_readers()

    # ---- read from

    def open(self, last_id: str | None) -> FeedReader:
        """Return a new reader: what came after ``last_id`` if that is kept, else everything.

        Raises TooManyReaders.
        """
        if len(self.readers) >= MAX_READERS:
            raise TooManyReaders
        missed = self._after(last_id)
        resumed = missed is not None
        first = Event("watch", _encoded("event: watch\n", {**self._watch, "resumed": resumed}))
        backlog = [first, *(self._picture() if missed is None else missed)]
        if self._status is not None:
            backlog.append(self._status)
        reader = FeedReader(self, backlog)
        if self.closed:
            reader.end()
        else:
            self.readers.add(reader)
        return reader

    def _picture(self) -> list[Event]:
        """Return the latest figures of each code, and the errors that came after them."""
        events = [*self._figures.values(), *self._errors.values()]
        return sorted(events, key=lambda event: event.number)

    def _after(self, last_id: str | None) -> list[Event] | None:
        """Return what came after this event; None if that is not known any more."""
        epoch, _, text = (last_id or "").partition("-")
        if epoch != self._epoch or not text.isdecimal() or len(text) > 18:
            return None
        number = int(text)
        oldest = self._history[0].number if self._history else 1
        if not oldest - 1 <= number <= self._number:
            return None
        return [event for event in self._history if event.number > number]

    def _put(self, event: Event) -> None:
        for reader in self.readers:
            reader.put(event)


class FeedReader:
    """One reader: what was there when it came, then of each slot the latest event."""

    def __init__(self, feed: Feed, backlog: list[Event]) -> None:
        self._feed = feed
        self._backlog: deque[Event] = deque(backlog)
        self._unread: dict[str, Event] = {}
        self._ended = False
        self._arrived = anyio.Event()

    def put(self, event: Event) -> None:
        """Add an event, in place of an older one of its slot.

        At the end, not in the older one's place: numbers must rise, or a reader that comes
        back with the last one would miss those before it.
        """
        if self._unread.pop(event.slot, None) is not None:
            self._feed.replaced += 1
        self._unread[event.slot] = event
        self._arrived.set()

    def end(self) -> None:
        """End this reader. Repeatable."""
        self._ended = True
        self._feed.readers.discard(self)
        self._arrived.set()

    async def read(self) -> bytes:
        """Wait for events and return them as they are sent; nothing at the end."""
        while not self._ended:
            taken = [self._backlog.popleft() for _ in range(min(BATCH, len(self._backlog)))]
            if not taken:
                slots = list(self._unread)[:BATCH]
                taken = [self._unread.pop(slot) for slot in slots]
            if taken:
                self._feed.sent += len(taken)
                return b"".join(event.data for event in taken)
            self._arrived = anyio.Event()
            await self._arrived.wait()
        return b""


def _encoded(head: str, data: object) -> bytes:
    return f"{head}data: {encode(data)}\n\n".encode()
