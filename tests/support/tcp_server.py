"""TCP ports where a test decides what is said, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import anyio
from anyio.abc import ByteStream, SocketAttribute

Handler: TypeAlias = Callable[[ByteStream], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[int]:
    """A port where ``handler`` talks to each who comes, and hangs up when it is done."""

    async def talk(stream: ByteStream) -> None:
        try:
            await handler(stream)
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the other side was first
        finally:
            await anyio.aclose_forcefully(stream)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        async with anyio.create_task_group() as group:
            group.start_soon(listener.serve, talk)
            yield listener.extra(SocketAttribute.local_port)
            group.cancel_scope.cancel()


def answering(*pieces: bytes, stay: bool = True) -> Handler:
    """A handler that hears something, says this, and stays or goes."""

    async def handle(stream: ByteStream) -> None:
        await stream.receive()
        for piece in pieces:
            await stream.send(piece)
        if stay:
            await anyio.sleep_forever()

    return handle


async def hang_up(stream: ByteStream) -> None:
    """A handler that says and hears nothing."""


async def lead_on(stream: ByteStream, port: int, heard: bytearray | None = None) -> None:
    """Carry bytes both ways between ``stream`` and a local port, and keep them in ``heard``."""

    async def carry(source: ByteStream, target: ByteStream) -> None:
        try:
            async for data in source:
                if heard is not None:
                    heard.extend(data)
                await target.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        # Whichever side hangs up, the other one is hung up on.
        group.cancel_scope.cancel()

    async with await anyio.connect_tcp("127.0.0.1", port) as onward:
        async with anyio.create_task_group() as group:
            group.start_soon(carry, stream, onward)
            group.start_soon(carry, onward, stream)
