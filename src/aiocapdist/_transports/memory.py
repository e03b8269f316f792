"""Both ends of a connection in one process: no socket, so time can be virtual."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

import anyio
from anyio.abc import ByteStream, Listener, TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream


class MemoryStream(ByteStream):
    """One end of a pipe that carries bytes both ways.

    ``send`` waits while ``buffer`` chunks are unread at the other end, as a socket
    does when its buffers are full.
    """

    def __init__(
        self, outgoing: MemoryObjectSendStream[bytes], incoming: MemoryObjectReceiveStream[bytes]
    ) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self._rest = b""

    @classmethod
    def pair(cls, buffer: float = math.inf) -> tuple[Self, Self]:
        """Two ends of one pipe."""
        to_right, right = anyio.create_memory_object_stream[bytes](buffer)
        to_left, left = anyio.create_memory_object_stream[bytes](buffer)
        return cls(to_right, left), cls(to_left, right)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        chunk = self._rest or await self._incoming.receive()
        self._rest = chunk[max_bytes:]
        return chunk[:max_bytes]

    async def send(self, item: bytes) -> None:
        await self._outgoing.send(bytes(item))

    async def send_eof(self) -> None:
        await self._outgoing.aclose()

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        """The same, at once."""
        self._outgoing.close()
        self._incoming.close()


class MemoryListener(Listener[MemoryStream]):
    """A listener whose other side is :meth:`open`: each call makes one connection."""

    def __init__(self, buffer: float = math.inf) -> None:
        self._buffer = buffer
        self._serving = False
        self.refusing = False
        """Whether whoever comes is turned away, as where nobody listens."""
        self._arrive, self._arrivals = anyio.create_memory_object_stream[MemoryStream](math.inf)

    async def open(self) -> MemoryStream:
        """The client's end of a new connection; ConnectionRefusedError once closed."""
        mine, theirs = MemoryStream.pair(self._buffer)
        try:
            if self.refusing:
                raise anyio.ClosedResourceError
            await self._arrive.send(theirs)
        except BaseException as error:  # being cancelled among them
            mine.close()
            theirs.close()
            if isinstance(error, anyio.ClosedResourceError | anyio.BrokenResourceError):
                raise ConnectionRefusedError("nobody listens at this memory door") from None
            raise
        return mine

    async def serve(
        self, handler: Callable[[MemoryStream], Any], task_group: TaskGroup | None = None
    ) -> None:
        self._serving = True
        async with anyio.create_task_group() as own:
            group = task_group or own
            async with self._arrivals:
                async for stream in self._arrivals:
                    group.start_soon(handler, stream)

    async def aclose(self) -> None:
        """Refuse whoever comes from now on; those who are in stay."""
        self._arrive.close()
        # Those who came but were not let in yet are hung up on.
        with suppress(anyio.WouldBlock, anyio.EndOfStream, anyio.ClosedResourceError):
            while True:
                await self._arrivals.receive_nowait().aclose()
        if not self._serving:
            self._arrivals.close()
