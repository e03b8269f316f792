"""Whole calls for :mod:`.instructions`: a client and what answers it in one loop, without sockets.

What is counted is the client, the event loop, and an answerer that costs the same always.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

import anyio
from anyio.abc import ByteStream

import aiocapdist
from aiocapdist import Client, Quota

from .gateway import Answerer

CALLS = 600
FOREVER = 10**6

Mark: TypeAlias = Callable[[], object]
"""Ends one count and begins the next."""


class AnsweringStream(ByteStream, asyncio.Transport):
    """The client's side of a connection: what is sent is answered at once."""

    def __init__(self) -> None:
        super().__init__()
        self._replies = bytearray()
        self._arrived = asyncio.Event()
        self._closed = False
        self._answerer = Answerer()
        self._answerer.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._replies += data
        self._arrived.set()

    async def receive(self, max_bytes: int = 65536) -> bytes:
        await self._arrived.wait()
        if self._closed:
            raise anyio.EndOfStream
        self._arrived.clear()
        replies = bytes(self._replies)
        self._replies.clear()
        return replies

    async def send(self, item: bytes) -> None:
        self._answerer.data_received(item)

    async def send_eof(self) -> None:
        """Nothing is half closed."""

    async def aclose(self) -> None:
        self._closed = True
        self._arrived.set()


class Opener:
    """See aiocapdist.StreamOpener."""

    async def open(self) -> ByteStream:
        return AnsweringStream()


async def single(client: Client, codes: Sequence[str]) -> None:
    for code in codes:
        await client.capital_distribution(code)


async def gathered(client: Client, codes: Sequence[str]) -> None:
    await asyncio.gather(*[client.capital_distribution(code) for code in codes])


async def sweep(client: Client, codes: Sequence[str]) -> None:
    async for outcome in client.capital_distributions(codes):
        outcome.unwrap()


WORKS = (single, gathered, sweep)


async def _count(mark: Mark) -> None:
    codes = [f"HK.{n:05d}" for n in range(10_000, 10_000 + CALLS)]
    random.seed(0)
    quota = Quota(FOREVER, FOREVER)
    async with aiocapdist.connect(Opener(), quota=quota, request_timeout=FOREVER) as client:
        for work in WORKS:
            await work(client, codes)
            mark()
            await work(client, codes)
            mark()


def count(mark: Mark) -> None:
    """Make CALLS calls of each kind between two marks."""
    asyncio.run(_count(mark))
