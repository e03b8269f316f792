"""One connection's writer: sends bytes at once, or when their time has come."""

from __future__ import annotations

import heapq
import math
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import ByteStream


class Outbox:
    """Everything that one connection has to do later, in one task and one heap."""

    def __init__(self, stream: ByteStream, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._ready: list[bytes] = []
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._something = anyio.Event()
        self._hushed = False
        self._at_last: Callable[[], Awaitable[None]] | None = None
        self._closing: Callable[[], None] | None = None

    def send(self, data: bytes) -> None:
        """Send this with whatever else is ready."""
        if not self._hushed:
            self._ready.append(data)
            self._something.set()

    def later(self, due: float, action: Callable[[], None]) -> None:
        """Call ``action`` when the clock reaches ``due``."""
        self._number += 1
        heapq.heappush(self._later, (due, self._number, action))
        self._something.set()

    def hush(self, at_last: Callable[[], Awaitable[None]] | None = None) -> None:
        """Send what is ready and nothing after it; then do ``at_last``."""
        self._hushed = True
        self._at_last = at_last
        self._something.set()

    def last_words(self, data: bytes, close: Callable[[], None]) -> None:
        """Send this and nothing after it; then ``close``."""
        self.send(data)
        self._hushed = True
        self._closing = close

    async def run(self) -> None:
        """Do it, until cancelled or until the stream breaks."""
        while True:
            self._something = anyio.Event()
            self._act()
            if self._ready:
                data = b"".join(self._ready)
                self._ready.clear()
                await self._stream.send(data)
                continue
            if self._closing is not None:
                self._closing()
            if self._at_last is not None:
                at_last, self._at_last = self._at_last, None
                await at_last()
            due = self._later[0][0] if self._later else math.inf
            with anyio.CancelScope(deadline=due):
                await self._something.wait()

    def _act(self) -> None:
        while self._later and self._later[0][0] <= self._clock():
            heapq.heappop(self._later)[2]()
