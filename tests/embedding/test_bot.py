"""A bot as frameworks run it: ``start``, ``stop`` and its commands each run in different tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import anyio
import pytest

import aiocapdist
from aiocapdist import Client, ClientClosed, ConnectError, Quota

from ..support.loops import ASYNCIO_LOOPS
from ..support.waiting import until
from .opend_thread import OpendThread, no_leaks

pytestmark = pytest.mark.anyio
T = TypeVar("T")


@pytest.fixture(params=ASYNCIO_LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """On trio a client needs an ``async with``: see test_trio_nursery.py."""
    return request.param


class Bot:
    """Answers commands, and records the client's events."""

    def __init__(self, port: int, quota: Quota | None = None) -> None:
        self.diary: list[str] = []
        self._port = port
        self._quota = quota
        self._client: Client | None = None
        self._writing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._client = await aiocapdist.connect(port=self._port, quota=self._quota)
        self._writing = asyncio.create_task(self._write(self._client))

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.aclose()
        if self._writing is not None:
            await self._writing

    async def command(self, code: str) -> str:
        assert self._client is not None
        figures = await self._client.capital_distribution(code)
        return f"{figures.code} {figures.net:+.0f}"

    async def _write(self, client: Client) -> None:
        async for event in client.events():
            self.diary.append(type(event).__name__)


async def elsewhere_awaited(work: Awaitable[T]) -> T:
    """Run this in a task of its own, which ends with it."""

    async def run() -> T:
        return await work

    return await asyncio.create_task(run())


async def test_a_bot_starts_and_stops_in_different_tasks(opend_thread: OpendThread) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            bot = Bot(opend_thread.port)
            await elsewhere_awaited(bot.start())
            answers = [elsewhere_awaited(bot.command(f"HK.{n:05d}")) for n in range(1, 20)]
            assert [text.split()[0] for text in await asyncio.gather(*answers)] == [
                f"HK.{n:05d}" for n in range(1, 20)
            ]
            await elsewhere_awaited(bot.stop())
            assert bot.diary == ["Connected", "Disconnected"]


async def test_a_bot_can_be_restarted_and_stopped_more_than_once(opend_thread: OpendThread) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            bot = Bot(opend_thread.port)
            await elsewhere_awaited(bot.stop())
            for _ in range(3):
                await elsewhere_awaited(bot.start())
                assert (await bot.command("HK.00700")).startswith("HK.00700")
                await asyncio.gather(*(elsewhere_awaited(bot.stop()) for _ in range(3)))
            assert bot.diary == ["Connected", "Disconnected"] * 3


async def test_stopping_a_bot_ends_its_commands_with_client_closed(
    opend_thread: OpendThread,
) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            quota = Quota(1, 60.0)
            bot = Bot(opend_thread.port, quota)
            await elsewhere_awaited(bot.start())
            await bot.command("HK.00001")
            waiting = [asyncio.create_task(bot.command("US.AAPL")) for _ in range(3)]
            await until(lambda: quota.waiting == 1)
            await elsewhere_awaited(bot.stop())
            ends = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(end) for end in ends] == [ClientClosed] * 3
            with pytest.raises(ClientClosed):
                await bot.command("HK.00001")


async def test_a_bot_goes_on_after_a_loss(opend_thread: OpendThread) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            bot = Bot(opend_thread.port)
            await elsewhere_awaited(bot.start())
            await until(lambda: bot.diary)
            opend_thread.disconnect_all()
            await until(lambda: len(bot.diary) == 4)
            assert (await bot.command("HK.00700")).startswith("HK.00700")
            await elsewhere_awaited(bot.stop())
            there_and_back = ["Connected", "Disconnected", "Reconnecting"]
            assert bot.diary == [*there_and_back, "Connected", "Disconnected"]


async def test_a_failed_start_leaves_nothing_and_can_be_repeated(
    opend_thread: OpendThread, silent_port: int
) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            bot = Bot(silent_port)
            starting = asyncio.create_task(bot.start())
            await asyncio.sleep(0.05)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
            bot._port = 1  # nobody listens there
            with pytest.raises(ConnectError):
                await elsewhere_awaited(bot.start())
            bot._port = opend_thread.port
            await elsewhere_awaited(bot.start())
            assert (await bot.command("HK.00700")).startswith("HK.00700")
            await elsewhere_awaited(bot.stop())
