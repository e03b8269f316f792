"""TCP servers whose every byte a test decides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import anyio
from anyio.abc import ByteStream, SocketAttribute

Handler: TypeAlias = Callable[[ByteStream], Awaitable[None]]


@asynccontextmanager
async def tcp_server(handler: Handler) -> AsyncIterator[int]:
    """Listen on a port where ``handler`` serves each connection, closed when it returns."""

    async def talk(stream: ByteStream) -> None:
        try:
            await handler(stream)
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the client closed first
        finally:
            await anyio.aclose_forcefully(stream)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        async with anyio.create_task_group() as group:
            group.start_soon(listener.serve, talk)
            yield listener.extra(SocketAttribute.local_port)
            group.cancel_scope.cancel()


def replying(*pieces: bytes, stay: bool = True) -> Handler:
    """Return a handler that reads once, sends these pieces, and stays connected or hangs up."""

    async def handle(stream: ByteStream) -> None:
        await stream.receive()
        for piece in pieces:
            await stream.send(piece)
        if stay:
            await anyio.sleep_forever()

    return handle


async def hang_up(stream: ByteStream) -> None:
    """Handle a connection by closing it at once."""


async def forward(stream: ByteStream, port: int, sent: bytearray | None = None) -> None:
    """Carry bytes both ways between ``stream`` and a local port, and copy them to ``sent``."""

    async def carry(source: ByteStream, target: ByteStream) -> None:
        try:
            async for data in source:
                if sent is not None:
                    sent.extend(data)
                await target.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        group.cancel_scope.cancel()  # if either side hangs up, so do both

    async with await anyio.connect_tcp("127.0.0.1", port) as onward:
        async with anyio.create_task_group() as group:
            group.start_soon(carry, stream, onward)
            group.start_soon(carry, onward, stream)
