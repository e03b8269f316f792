"""asyncio's own cancelling, which no scope bounds: of the task that holds a client, of the
client's own task, and of all there are."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import Client, ClientClosed, Quota

from ..conftest import LOOPS
from ..support.waiting import until
from .elsewhere import Elsewhere, nothing_left

pytestmark = pytest.mark.anyio
SOON = 0.05


@pytest.fixture(params=[loop for loop in LOOPS if loop.values[0][0] == "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


async def hold(port: int) -> None:
    async with aiocapdist.connect(port=port):
        await asyncio.sleep(3600.0)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


@pytest.mark.parametrize("count", range(12))
async def test_a_task_cancelled_in_any_turn_of_connecting_leaves_nothing(
    elsewhere: Elsewhere, count: int
) -> None:
    with anyio.fail_after(10):
        async with nothing_left(elsewhere):
            task = asyncio.ensure_future(hold(elsewhere.port))
            await turns(count)
            await cancelled(task)


async def test_a_task_cancelled_while_nobody_answers_leaves_nothing(
    elsewhere: Elsewhere, hush: int
) -> None:
    with anyio.fail_after(10):
        async with nothing_left(elsewhere):
            task = asyncio.ensure_future(hold(hush))
            await asyncio.sleep(SOON)
            await cancelled(task)


@pytest.mark.parametrize("count", range(6))
async def test_a_task_cancelled_in_any_turn_of_leaving_leaves_nothing(
    elsewhere: Elsewhere, count: int
) -> None:
    async def leave(leaving: asyncio.Event) -> None:
        async with aiocapdist.connect(port=elsewhere.port):
            leaving.set()

    with anyio.fail_after(10):
        async with nothing_left(elsewhere):
            leaving = asyncio.Event()
            task = asyncio.ensure_future(leave(leaving))
            await leaving.wait()
            await turns(count)
            task.cancel()
            await asyncio.wait([task])


@pytest.mark.parametrize("where", ["connecting", "the body", "leaving"])
async def test_asyncios_own_timeout_is_a_timeout_wherever_it_strikes(
    elsewhere: Elsewhere, hush: int, where: str
) -> None:
    with anyio.fail_after(10):
        async with nothing_left(elsewhere):
            port = hush if where == "connecting" else elsewhere.port
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(SOON) as timeout:
                    async with aiocapdist.connect(port=port):
                        if where == "leaving":
                            # Passed already when the body ends: it strikes in the exit.
                            timeout.reschedule(asyncio.get_running_loop().time() - 1.0)
                        else:
                            await asyncio.sleep(3600.0)
            assert type(caught.value) is TimeoutError


# What anyio was about to start when it was cancelled is dropped with this warning.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("count", range(12))
async def test_cancelling_all_tasks_there_are_hangs_nobody(
    elsewhere: Elsewhere, count: int
) -> None:
    """As a signal's handler does. A task cancelled before its first step runs nothing at all:
    the client's own is among them, in one of these turns."""
    quota = Quota(2, 60.0)

    async def use() -> None:
        async with aiocapdist.connect(port=elsewhere.port, quota=quota):
            await asyncio.sleep(3600.0)

    with anyio.fail_after(10):
        async with nothing_left(elsewhere):
            mine = asyncio.all_tasks()
            task = asyncio.ensure_future(use())
            await turns(count)
            for other in asyncio.all_tasks() - mine:
                other.cancel()
            with pytest.raises((asyncio.CancelledError, ClientClosed)):
                await task
        # It let go of the quota too: nobody uses it, nobody is told of it.
        assert quota._users == 0
        assert not quota._watchers


async def test_a_client_whose_own_task_was_cancelled_is_closed(elsewhere: Elsewhere) -> None:
    with anyio.fail_after(10):
        async with nothing_left(elsewhere):
            client = await aiocapdist.connect(port=elsewhere.port)
            events = client.events()
            mine = asyncio.current_task()
            for other in asyncio.all_tasks():
                if other is not mine and other.get_name() == "aiocapdist":
                    other.cancel()
            await until(lambda: client.status.state == "closed")
            with pytest.raises(ClientClosed):
                await client.capital_distribution("HK.00700")
            assert [type(event).__name__ async for event in events][-1] == "Disconnected"
            await client.aclose()


async def test_a_failing_task_group_tells_of_nothing_but_its_failure(elsewhere: Elsewhere) -> None:
    held = asyncio.Event()

    async def use() -> None:
        async with aiocapdist.connect(port=elsewhere.port):
            held.set()
            await asyncio.sleep(3600.0)

    async def fail() -> None:
        await held.wait()
        raise ZeroDivisionError("the sibling's own")

    with anyio.fail_after(10):
        async with nothing_left(elsewhere):
            with pytest.raises(ExceptionGroup) as caught:
                async with asyncio.TaskGroup() as group:
                    group.create_task(use())
                    group.create_task(fail())
            assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError]


async def test_a_task_group_around_it_waits_for_none_of_its_tasks(elsewhere: Elsewhere) -> None:
    """What starts it may end long before it: the client's task is nobody's child."""

    async def start() -> Client:
        async with asyncio.timeout(5.0), asyncio.TaskGroup() as group:
            task: asyncio.Task[Client] = group.create_task(connect(elsewhere.port))
        return task.result()

    with anyio.fail_after(10):
        async with nothing_left(elsewhere):
            client = await asyncio.create_task(start())
            assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
            await client.aclose()


async def connect(port: int) -> Client:
    return await aiocapdist.connect(port=port)
