"""``aclose()`` from any task, any number of times, in any state: nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio
import pytest
from google.protobuf.wrappers_pb2 import BytesValue

import aiocapdist
from aiocapdist import Client, ClientClosed, Quota
from aiocapdist._loop import on_asyncio

from ..support.custom_call import PROTO_ID, Response
from ..support.internals import client_of
from ..support.scripted_server import ScriptedServer
from ..support.waiting import Call, until
from .opend_thread import OpendThread, no_leaks

pytestmark = pytest.mark.anyio
Way = Callable[[Client], Awaitable[None]]


async def itself(client: Client) -> None:
    """Close in the task that connected."""
    await client.aclose()


async def twice(client: Client) -> None:
    for _ in range(2):
        await client.aclose()


async def another_task(client: Client) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(client.aclose)


async def ten_tasks_at_once(client: Client) -> None:
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(client.aclose)


async def a_cancelled_scope(client: Client) -> None:
    """Close in a ``finally`` inside a timeout that has expired."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await anyio.sleep_forever()
        finally:
            await client.aclose()
    assert scope.cancelled_caught


async def a_cancelled_task(client: Client) -> None:
    """Close in a task's own ``finally`` after ``task.cancel()``."""
    if not on_asyncio():
        await a_cancelled_scope(client)
        return

    async def hold() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            await client.aclose()

    task = asyncio.ensure_future(hold())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


WAYS = [
    *(itself, twice, another_task, ten_tasks_at_once),
    *(a_cancelled_scope, a_cancelled_task),
]


@pytest.mark.parametrize("close", WAYS, ids=lambda way: way.__name__)
async def test_closing_leaves_no_task_and_no_socket(opend_thread: OpendThread, close: Way) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            async with aiocapdist.connect(port=opend_thread.port) as client:
                await client.capital_distribution("HK.00700")
                await close(client)
                assert client.status.state == "closed"
                with pytest.raises(ClientClosed):
                    await client.capital_distribution("HK.00700")


@pytest.mark.parametrize("close", WAYS, ids=lambda way: way.__name__)
async def test_closing_ends_calls_sweeps_and_events(opend_thread: OpendThread, close: Way) -> None:
    """A sweep, event streams, a queued call and a call with a quota of its own."""
    quota = Quota(1, 60.0)
    with anyio.fail_after(10):
        async with no_leaks(opend_thread), anyio.create_task_group() as group:
            async with aiocapdist.connect(port=opend_thread.port, quota=quota) as client:
                await client.capital_distribution("HK.00700")
                codes = [f"HK.{n:05d}" for n in range(1, 50)]
                sweep = Call(group, client.capital_distributions(codes).collect)
                single = Call(group, client.capital_distribution, "US.AAPL")
                events = Call(group, listen, client)
                await until(lambda: quota.waiting == 2)
                await close(client)
            report = await sweep.value()
            assert [type(error) for error in report.errors.values()] == [ClientClosed] * 49
            assert isinstance(await single.error(), ClientClosed)
            assert "Disconnected" in await events.value()
            assert quota.waiting == 0


async def listen(client: Client) -> list[str]:
    return [type(event).__name__ async for event in client.events()]


class Vanishing:
    """Connects once; later attempts neither succeed nor fail."""

    def __init__(self, opend_thread: OpendThread) -> None:
        self._port = opend_thread.port
        self.dialled = 0

    async def open(self) -> anyio.abc.ByteStream:
        self.dialled += 1
        if self.dialled > 1:
            await anyio.sleep_forever()
        return await anyio.connect_tcp("127.0.0.1", self._port)


@pytest.mark.parametrize("close", WAYS, ids=lambda way: way.__name__)
async def test_closing_while_connecting_does_not_wait_for_opend(
    opend_thread: OpendThread, close: Way
) -> None:
    opener = Vanishing(opend_thread)
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            async with aiocapdist.connect(opener, connect_timeout=3600.0) as client:
                await until(lambda: opend_thread.opend.connections)
                opend_thread.disconnect_all()
                await until(lambda: opener.dialled == 2)
                await close(client)


async def test_closing_during_the_handshake_ends_connecting(
    opend_thread: OpendThread, silent_port: int
) -> None:
    connecting = aiocapdist.connect(port=silent_port)
    with anyio.fail_after(10):
        async with no_leaks(opend_thread), anyio.create_task_group() as group:

            async def use() -> None:
                with pytest.raises(ClientClosed):
                    async with connecting:
                        raise AssertionError("the handshake cannot succeed")

            group.start_soon(use)
            await until(lambda: client_of(connecting) is not None)
            await client_of(connecting).aclose()


async def test_closing_between_two_attempts_does_not_wait_for_the_next(
    opend_thread: OpendThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiocapdist._protocol.backoff.FIRST", 3600.0)
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            async with aiocapdist.connect(port=opend_thread.port) as client:
                await until(lambda: opend_thread.opend.connections)
                opend_thread.disconnect_all()
                await until(lambda: client.status.state == "reconnecting")


async def test_closing_does_not_wait_for_an_opend_that_reads_no_more() -> None:
    """Sixteen megabytes are queued, and the pipe is full."""
    big = BytesValue(value=bytes(2**20))
    with anyio.fail_after(10):
        async with ScriptedServer() as server, anyio.create_task_group() as group:
            async with server.connect() as client:
                calls = [Call(group, client.request, PROTO_ID, big, Response) for _ in range(16)]
                await until(lambda: client.status.calls == 16)
            for call in calls:
                assert isinstance(await call.error(), ClientClosed)
