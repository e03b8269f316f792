"""Connections within one process: without sockets, so that time can be virtual."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

import anyio
from anyio.abc import ByteStream, Listener, TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream


class MemoryStream(ByteStream):
    """One end of a connection.

    ``send`` waits while ``buffer`` chunks are unread at the other end, as a socket does when
    its buffers are full.
    """

    def __init__(
        self, outgoing: MemoryObjectSendStream[bytes], incoming: MemoryObjectReceiveStream[bytes]
    ) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self._rest = b""

    @classmethod
    def pair(cls, buffer: float = math.inf) -> tuple[Self, Self]:
        """Return the two ends of a new connection."""
        to_right, right = anyio.create_memory_object_stream[bytes](buffer)
        to_left, left = anyio.create_memory_object_stream[bytes](buffer)
        return cls(to_right, left), cls(to_left, right)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        chunk = self._rest or await self._incoming.receive()
        self._rest = chunk[max_bytes:]
        return chunk[:max_bytes]

    def readable(self) -> bool:
        """True if there are unread bytes."""
        return bool(self._rest or self._incoming.statistics().current_buffer_used)

    async def send(self, item: bytes) -> None:
        await self._outgoing.send(bytes(item))

    async def send_eof(self) -> None:
        await self._outgoing.aclose()

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        """Close both directions, like :meth:`aclose`."""
        self._outgoing.close()
        self._incoming.close()


class MemoryListener(Listener[MemoryStream]):
    """A listener that clients connect to with :meth:`open`."""

    def __init__(self, buffer: float = math.inf) -> None:
        self._buffer = buffer
        self._serving = False
        self.refusing = False
        """If True, new connections are refused."""
        self._connect, self._accept = anyio.create_memory_object_stream[MemoryStream](math.inf)

    async def open(self) -> MemoryStream:
        """Return the client's end of a new connection. Raises ConnectionRefusedError if closed."""
        client, server = MemoryStream.pair(self._buffer)
        try:
            if self.refusing:
                raise anyio.ClosedResourceError
            await self._connect.send(server)
        except BaseException as error:  # cancellation included
            client.close()
            server.close()
            if isinstance(error, anyio.ClosedResourceError | anyio.BrokenResourceError):
                raise ConnectionRefusedError("nothing listens at this memory listener") from None
            raise
        return client

    async def serve(
        self, handler: Callable[[MemoryStream], Any], task_group: TaskGroup | None = None
    ) -> None:
        self._serving = True
        async with anyio.create_task_group() as own:
            group = task_group or own
            async with self._accept:
                async for stream in self._accept:
                    group.start_soon(handler, stream)

    async def aclose(self) -> None:
        """Refuse new connections from now on. Established ones stay open."""
        self._connect.close()
        # Connections that were not accepted yet are closed.
        with suppress(anyio.WouldBlock, anyio.EndOfStream, anyio.ClosedResourceError):
            while True:
                await self._accept.receive_nowait().aclose()
        if not self._serving:
            self._accept.close()
