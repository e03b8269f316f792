"""A client that was awaited and is dropped without ``aclose()``: said, and nothing is left."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import Client, ClientClosed, Quota
from aiocapdist._connection.event_stream import EventStream

from ..support.internals import leftovers_in_quota, users
from ..support.loops import ASYNCIO_LOOPS
from ..support.waiting import until
from .opend_thread import OpendThread, no_leaks

pytestmark = pytest.mark.anyio
TURNS = 50  # of the loop: closing takes fewer


@pytest.fixture(params=ASYNCIO_LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


class Texts(list[str]):
    """The texts of the warnings about clients, as they come."""

    def add(
        self, message: Warning | str, category: type[Warning], *_: object, **__: object
    ) -> None:
        if category is ResourceWarning and "client" in str(message):
            self.append(str(message))


@contextmanager
def warned() -> Iterator[Texts]:
    """Collect the texts of ResourceWarnings about clients."""
    texts = Texts()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = texts.add
        yield texts


@asynccontextmanager
async def nothing_left(opend_thread: OpendThread, quota: Quota) -> AsyncIterator[None]:
    """Check that the block leaves no task, no socket, no user of the quota and no token."""
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            yield
            for _ in range(TURNS):
                await asyncio.sleep(0)
            await until(lambda: users(quota) == 0)
            assert leftovers_in_quota(quota) == {}


@pytest.mark.parametrize("count", [1, 2], ids=["connect", "connect_many"])
async def test_a_dropped_client_warns_with_its_name_and_closes(
    opend_thread: OpendThread, count: int
) -> None:
    quota = Quota()
    async with nothing_left(opend_thread, quota):
        connects = [aiocapdist.connect(port=opend_thread.port, quota=quota) for _ in range(count)]
        client = await (connects[0] if count == 1 else aiocapdist.connect_many(connects))
        await client.capital_distribution("HK.00700")
        shown = repr(client)
        with warned() as texts:
            del client
            gc.collect()
        assert texts == [
            f"unclosed client {shown}: call `await client.aclose()`, or use `async with`"
        ]
        assert f"127.0.0.1:{opend_thread.port}" in texts[0]


async def test_a_client_that_is_dropped_needs_no_garbage_collector(
    opend_thread: OpendThread,
) -> None:
    quota = Quota()
    gc.disable()
    try:
        async with nothing_left(opend_thread, quota):
            client = await aiocapdist.connect(port=opend_thread.port, quota=quota)
            await client.capital_distribution("HK.00700")
            await client.capital_distributions(["HK.00001", "XX"]).collect()
            with warned() as texts:
                del client
            assert len(texts) == 1
    finally:
        gc.enable()


async def entered(port: int, quota: Quota) -> None:
    async with aiocapdist.connect(port=port, quota=quota) as client:
        await client.capital_distribution("HK.00700")


async def closed(port: int, quota: Quota) -> None:
    client = await aiocapdist.connect(port=port, quota=quota)
    await client.aclose()


async def closed_in_another_task(port: int, quota: Quota) -> None:
    client = await aiocapdist.connect(port=port, quota=quota)
    task = asyncio.ensure_future(client.aclose())
    del client
    await task


async def a_group(port: int, quota: Quota) -> None:
    connects = [aiocapdist.connect(port=port, quota=quota) for _ in range(2)]
    async with aiocapdist.connect_many(connects) as clients:
        await clients.capital_distribution("HK.00700")


async def never_connected(port: int, quota: Quota) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.0):
            await aiocapdist.connect(port=port, quota=quota)


@pytest.mark.parametrize(
    "use",
    [entered, closed, closed_in_another_task, a_group, never_connected],
    ids=lambda use: use.__name__,
)
async def test_a_client_that_is_closed_does_not_warn(
    opend_thread: OpendThread, use: Callable[..., Any]
) -> None:
    quota = Quota()
    async with nothing_left(opend_thread, quota):
        with warned() as texts:
            await use(opend_thread.port, quota)
            gc.collect()
        assert texts == []


async def test_calls_in_progress_keep_their_client(opend_thread: OpendThread) -> None:
    quota = Quota(1, 0.2)
    async with nothing_left(opend_thread, quota):
        client = await aiocapdist.connect(port=opend_thread.port, quota=quota)
        await client.capital_distribution("HK.00001")
        single = asyncio.ensure_future(client.capital_distribution("HK.00700"))
        sweep = asyncio.ensure_future(client.capital_distributions(["HK.00005"]).collect())
        with warned() as texts:
            del client
            gc.collect()
            await asyncio.sleep(0)
            assert texts == []
            assert (await single).code == "HK.00700"
            assert list((await sweep).values) == ["HK.00005"]
            del single, sweep
            gc.collect()
        assert len(texts) == 1


async def test_a_sweep_that_is_read_keeps_its_client(opend_thread: OpendThread) -> None:
    quota = Quota(10, 0.1)
    codes = [f"HK.{n:05d}" for n in range(1, 26)]
    async with nothing_left(opend_thread, quota):
        connect = aiocapdist.connect(port=opend_thread.port, quota=quota)
        with warned() as texts:
            got = []
            async for outcome in (await connect).capital_distributions(codes):
                gc.collect()
                got.append(outcome.unwrap().code)
                assert texts == []
            assert sorted(got) == codes
            gc.collect()
        assert len(texts) == 1


async def read(stream: EventStream) -> object:
    return await anext(stream)


async def test_events_that_are_read_keep_their_client(opend_thread: OpendThread) -> None:
    quota = Quota()
    async with nothing_left(opend_thread, quota):
        connect = aiocapdist.connect(port=opend_thread.port, quota=quota)
        with warned() as texts:
            stream = (await connect).events()
            gc.collect()
            assert type(await anext(stream)).__name__ == "Connected"
            reading = asyncio.ensure_future(read(stream))
            del stream
            gc.collect()
            await asyncio.sleep(0)
            gc.collect()
            assert texts == []
            opend_thread.disconnect_all()
            assert type(await reading).__name__ == "Disconnected"
            del reading
            gc.collect()
        assert len(texts) == 1


async def test_a_client_dropped_in_another_thread_closes_too(opend_thread: OpendThread) -> None:
    quota = Quota()
    async with nothing_left(opend_thread, quota):
        kept = [await aiocapdist.connect(port=opend_thread.port, quota=quota)]
        with warned() as texts:
            await anyio.to_thread.run_sync(kept.clear)
        assert len(texts) == 1


async def lost(client: Client) -> None:
    await until(lambda: client.status.state == "reconnecting")


async def test_a_client_dropped_while_opend_is_away_closes_too(opend_thread: OpendThread) -> None:
    quota = Quota()
    async with nothing_left(opend_thread, quota):
        client = await aiocapdist.connect(port=opend_thread.port, quota=quota)
        await until(lambda: opend_thread.opend.connections)
        opend_thread.disconnect_all()
        await lost(client)
        with warned() as texts:
            del client
            gc.collect()
        assert len(texts) == 1
        assert "reconnecting" in texts[0]


async def test_a_part_of_a_dropped_group_says_that_it_is_closed(opend_thread: OpendThread) -> None:
    quota = Quota()
    async with nothing_left(opend_thread, quota):
        connects = [aiocapdist.connect(port=opend_thread.port, quota=quota) for _ in range(2)]
        clients = await aiocapdist.connect_many(connects)
        one = next(iter(clients.clients.values()))
        await asyncio.sleep(0)  # CPython holds what a coroutine returned as it was cancelled
        with warned():
            del clients
            gc.collect()
        await until(lambda: one.status.state == "closed")
        with pytest.raises(ClientClosed):
            await one.global_state()
