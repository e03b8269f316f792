"""Any anyio byte stream as a transport: one task reads, one writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import ByteStream

from .base import Receive, Source

READ_SIZE = 262_144


class StreamConnector:
    """A door behind which ``opener`` makes streams: the simulator's memory door, say."""

    def __init__(self, name: str, opener: Callable[[], Awaitable[ByteStream]]) -> None:
        self.name = name
        self.host = name
        self.port = 0
        self._opener = opener

    async def open(self) -> StreamTransport:
        return StreamTransport(await self._opener())


class StreamTransport:
    """See :class:`~aiocapdist._transports.base.Transport`."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._cause: Exception | None = None
        self._scope = anyio.CancelScope()
        self._something = anyio.Event()

    def attach(self, receive: Receive, source: Source) -> None:
        self._receive = receive
        self._source = source

    def wake_writer(self, at_once: bool = False) -> None:
        self._something.set()

    def close(self) -> None:
        self._scope.cancel()

    async def run(self, begin: Callable[[], None]) -> Exception | None:
        try:
            begin()
            with self._scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._read)
                    group.start_soon(self._write)
        finally:
            # Forceful: a graceful close could wait for a peer that no longer reads.
            await anyio.aclose_forcefully(self._stream)
        return self._cause

    async def _read(self) -> None:
        try:
            while True:
                self._receive(await self._stream.receive(READ_SIZE))
        except anyio.EndOfStream:
            self._scope.cancel()
        except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            self._end(error)

    async def _write(self) -> None:
        try:
            while True:
                await self._something.wait()
                self._something = anyio.Event()
                # One fetch and one write for all that was asked for meanwhile.
                if data := self._source():
                    await self._stream.send(b"".join(data))
        except anyio.EndOfStream:
            self._scope.cancel()  # over TLS, writing too may be told that the peer has gone
        except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            self._end(error)

    def _end(self, error: Exception) -> None:
        # anyio wraps the system's error; the cause is what people can act on.
        cause = error.__cause__
        self._cause = cause if isinstance(cause, OSError) else error
        self._scope.cancel()
