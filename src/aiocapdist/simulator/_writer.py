"""The sending side of one connection: bytes that go out now, and actions for later."""

from __future__ import annotations

import heapq
import math
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import ByteStream


class ConnectionWriter:
    """Send bytes and run scheduled actions of one connection, in one task with one heap."""

    def __init__(self, stream: ByteStream, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._buffer: list[bytes] = []
        self._scheduled: list[tuple[float, int, Callable[[], None]]] = []
        self._schedule_number = 0
        self._wake_up = anyio.Event()
        self._muted = False
        self._when_flushed: Callable[[], Awaitable[None]] | None = None
        self._close: Callable[[], None] | None = None

    def send(self, data: bytes) -> None:
        """Queue bytes to be sent; they are dropped if the writer is muted."""
        if not self._muted:
            self._buffer.append(data)
            self._wake_up.set()

    def call_at(self, due: float, action: Callable[[], None]) -> None:
        """Call ``action`` when the clock reaches ``due``."""
        self._schedule_number += 1
        heapq.heappush(self._scheduled, (due, self._schedule_number, action))
        self._wake_up.set()

    def mute(self, when_flushed: Callable[[], Awaitable[None]] | None = None) -> None:
        """Send what is queued and nothing after it, then await ``when_flushed``."""
        self._muted = True
        self._when_flushed = when_flushed
        self._wake_up.set()

    def send_last(self, data: bytes, close: Callable[[], None]) -> None:
        """Send these bytes and nothing after them, then call ``close``."""
        self.send(data)
        self._muted = True
        self._close = close

    async def run(self) -> None:
        """Send and run what is due until cancelled, or until the stream breaks."""
        while True:
            self._wake_up = anyio.Event()
            self._run_due_actions()
            if self._buffer:
                data = b"".join(self._buffer)
                self._buffer.clear()
                await self._stream.send(data)
                continue
            if self._close is not None:
                self._close()
            if self._when_flushed is not None:
                when_flushed, self._when_flushed = self._when_flushed, None
                await when_flushed()
            due = self._scheduled[0][0] if self._scheduled else math.inf
            with anyio.CancelScope(deadline=due):
                await self._wake_up.wait()

    def _run_due_actions(self) -> None:
        while self._scheduled and self._scheduled[0][0] <= self._clock():
            heapq.heappop(self._scheduled)[2]()
