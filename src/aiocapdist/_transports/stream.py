"""A transport over any anyio byte stream: one task reads, one task writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import ByteStream, SocketAttribute

from .base import DataSource, ReceiveCallback
from .memory import MemoryStream
from .readable import socket_readable

READ_SIZE = 262_144


class StreamConnector:
    """Connects by calling ``opener``, for example that of the simulator's memory listener."""

    def __init__(self, scheme: str, opener: Callable[[], Awaitable[ByteStream]]) -> None:
        self.scheme = scheme
        self.host = scheme
        self.port = 0
        self._opener = opener

    async def open(self, timeout: float) -> StreamTransport:
        with anyio.fail_after(timeout):
            return StreamTransport(await self._opener())


class StreamTransport:
    """See :class:`~aiocapdist._transports.base.Transport`."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._error: Exception | None = None
        self._scope = anyio.CancelScope()
        self._write_wanted = anyio.Event()
        self._socket = stream.extra(SocketAttribute.raw_socket, None)

    async def run(self, receive: ReceiveCallback, data_to_send: DataSource) -> Exception | None:
        self.schedule_write()
        try:
            with self._scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._read, receive)
                    group.start_soon(self._write, data_to_send)
        finally:
            await self.discard()
        return self._error

    def schedule_write(self, immediately: bool = False) -> None:
        self._write_wanted.set()

    def readable(self) -> bool:
        if isinstance(self._stream, MemoryStream):
            return self._stream.readable()
        return self._socket is not None and socket_readable(self._socket)

    def close(self) -> None:
        self._scope.cancel()

    async def discard(self) -> None:
        """Close the stream. A graceful close could wait for a peer that no longer reads."""
        await anyio.aclose_forcefully(self._stream)

    async def _read(self, receive: ReceiveCallback) -> None:
        try:
            while True:
                receive([await self._stream.receive(READ_SIZE)])
        except anyio.EndOfStream:
            self._scope.cancel()
        except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            self._fail(error)

    async def _write(self, data_to_send: DataSource) -> None:
        try:
            while True:
                await self._write_wanted.wait()
                self._write_wanted = anyio.Event()
                # One write for all that was queued in between.
                if data := data_to_send():
                    await self._stream.send(b"".join(data))
        except anyio.EndOfStream:
            self._scope.cancel()  # over TLS, a write can find that the peer closed
        except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        # anyio wraps the operating system's error, which says more.
        cause = error.__cause__
        self._error = cause if isinstance(cause, OSError) else error
        self._scope.cancel()
