"""Parts of a world: a script of faults, a pipe that can be blocked, and calls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import anyio
from anyio.abc import ByteStream

from aiocapdist import AiocapdistError
from aiocapdist.simulator import Fault, Simulator


class Script:
    """Faults to come, one for each reply; more can be added at any time."""

    def __init__(self) -> None:
        self.coming: deque[Fault | None] = deque()

    def __iter__(self) -> Script:
        return self

    def __next__(self) -> Fault | None:
        if not self.coming:
            raise StopIteration
        return self.coming.popleft()


class Pipe:
    """The client's connections. While it is blocked, nothing that the client sends gets through."""

    def __init__(self, opend: Simulator) -> None:
        self._opend = opend
        self.clear = anyio.Event()
        self.unblock()

    def block(self) -> None:
        self.clear = anyio.Event()

    def unblock(self) -> None:
        self.clear.set()
        self.clear_since = anyio.current_time()

    async def open(self) -> ByteStream:
        return _End(await self._opend.memory.open(), self)


class _End(ByteStream):
    def __init__(self, stream: ByteStream, pipe: Pipe) -> None:
        self._stream = stream
        self._pipe = pipe

    async def receive(self, max_bytes: int = 65536) -> bytes:
        return await self._stream.receive(max_bytes)

    async def send(self, item: bytes) -> None:
        await self._pipe.clear.wait()
        await self._stream.send(item)

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()


class Called:
    """A call in a task of its own, with a check of its result."""

    def __init__(
        self, task: asyncio.Task[Any], is_own: Callable[[Any], bool], requests: int
    ) -> None:
        self.task = task
        self.is_own = is_own
        self.requests = requests
        self.cancelled = False

    def check(self, *, trouble: bool) -> None:
        """Check that it ended with its own answer or one of the library's errors; with an error
        only if there was trouble, or if the answer is an error."""
        if self.task.cancelled():
            assert self.cancelled, "it ended as cancelled without being cancelled"
            return
        error = self.task.exception()
        if error is None:
            got = self.task.result()
            assert self.is_own(got), f"not its own answer: {got!r}"
        elif not (isinstance(error, AiocapdistError) and (trouble or self.is_own(error))):
            raise error
