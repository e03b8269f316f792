"""TCP: on asyncio a protocol that feeds the connection from its callback, else a stream.

The callback saves a task switch for each read, which is most of the cost of one call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import anyio

from .._loop import on_asyncio
from .base import Transport
from .stream import StreamTransport


class TcpDoor:
    """OpenD's TCP door."""

    name = "tcp"

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port

    async def open(self) -> Transport:
        if not on_asyncio():
            return StreamTransport(await anyio.connect_tcp(self.host, self.port))
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(AsyncioTransport, self.host, self.port)
        return protocol


class AsyncioTransport(asyncio.Protocol):
    """See :class:`~aiocapdist._transports.base.Transport`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[Exception | None] = self._loop.create_future()
        self._early: list[bytes] = []
        self._receive: Callable[[bytes], None] = self._early.append
        self._source: Callable[[], bytes] = bytes
        self._turn_open = False
        self._paused = False

    # ---- what the connection calls

    def attach(self, receive: Callable[[bytes], None], source: Callable[[], bytes]) -> None:
        self._receive = receive
        self._source = source
        for data in self._early:
            receive(data)

    def wake_writer(self) -> None:
        # The first frame of a turn of the loop goes at once; those that follow in the
        # same turn go together at its end.
        if not self._turn_open:
            self._turn_open = True
            self._loop.call_soon(self._end_turn)
            self._write()

    async def run(self) -> Exception | None:
        try:
            return await asyncio.shield(self._ended)
        finally:
            self.close()
            with anyio.CancelScope(shield=True):
                await self._ended

    def close(self) -> None:
        self._transport.abort()

    # ---- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, not a check: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_result(exc)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._write()

    def _end_turn(self) -> None:
        self._turn_open = False
        self._write()

    def _write(self) -> None:
        if not self._paused and not self._transport.is_closing() and (data := self._source()):
            self._transport.write(data)
