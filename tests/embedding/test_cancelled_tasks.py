"""asyncio's own cancellation, without scopes: of the task that holds a client, of the client's
own task, and of all tasks."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import Client, ClientClosed, Quota

from ..support.internals import listeners, users
from ..support.loops import ASYNCIO_LOOPS
from ..support.waiting import until
from .opend_thread import OpendThread, no_leaks

pytestmark = pytest.mark.anyio
SOON = 0.05


@pytest.fixture(params=ASYNCIO_LOOPS)
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
async def test_a_task_cancelled_at_any_turn_of_connecting_leaves_nothing(
    opend_thread: OpendThread, count: int
) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            task = asyncio.ensure_future(hold(opend_thread.port))
            await turns(count)
            await cancelled(task)


async def test_a_task_cancelled_while_nobody_answers_leaves_nothing(
    opend_thread: OpendThread, silent_port: int
) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            task = asyncio.ensure_future(hold(silent_port))
            await asyncio.sleep(SOON)
            await cancelled(task)


@pytest.mark.parametrize("count", range(6))
async def test_a_task_cancelled_at_any_turn_of_leaving_leaves_nothing(
    opend_thread: OpendThread, count: int
) -> None:
    async def leave(leaving: asyncio.Event) -> None:
        async with aiocapdist.connect(port=opend_thread.port):
            leaving.set()

    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            leaving = asyncio.Event()
            task = asyncio.ensure_future(leave(leaving))
            await leaving.wait()
            await turns(count)
            task.cancel()
            await asyncio.wait([task])


@pytest.mark.parametrize("where", ["connecting", "the body", "leaving"])
async def test_asyncio_timeout_raises_timeout_error_wherever_it_ends(
    opend_thread: OpendThread, silent_port: int, where: str
) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            port = silent_port if where == "connecting" else opend_thread.port
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(SOON) as timeout:
                    async with aiocapdist.connect(port=port):
                        if where == "leaving":
                            # Expired before the body ends, so that it takes effect in the exit.
                            timeout.reschedule(asyncio.get_running_loop().time() - 1.0)
                        else:
                            await asyncio.sleep(3600.0)
            assert type(caught.value) is TimeoutError


# anyio drops a coroutine that it was about to start when cancelled, with this warning.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("count", range(12))
async def test_cancelling_all_tasks_does_not_hang(opend_thread: OpendThread, count: int) -> None:
    """As a signal handler does. A task that is cancelled before its first step runs nothing at
    all; at one of these turns it is the client's own."""
    quota = Quota(2, 60.0)

    async def use() -> None:
        async with aiocapdist.connect(port=opend_thread.port, quota=quota):
            await asyncio.sleep(3600.0)

    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            mine = asyncio.all_tasks()
            task = asyncio.ensure_future(use())
            await turns(count)
            for other in asyncio.all_tasks() - mine:
                other.cancel()
            with pytest.raises((asyncio.CancelledError, ClientClosed)):
                await task
        # The quota is released too: it has no user and no listener.
        assert users(quota) == 0
        assert not listeners(quota)


async def test_a_client_whose_own_task_was_cancelled_is_closed(opend_thread: OpendThread) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            client = await aiocapdist.connect(port=opend_thread.port)
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


async def test_a_failing_task_group_raises_nothing_but_its_error(
    opend_thread: OpendThread,
) -> None:
    held = asyncio.Event()

    async def use() -> None:
        async with aiocapdist.connect(port=opend_thread.port):
            held.set()
            await asyncio.sleep(3600.0)

    async def fail() -> None:
        await held.wait()
        raise ZeroDivisionError("the sibling's own")

    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            with pytest.raises(ExceptionGroup) as caught:
                async with asyncio.TaskGroup() as group:
                    group.create_task(use())
                    group.create_task(fail())
            assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError]


async def test_a_task_group_around_it_waits_for_none_of_its_tasks(
    opend_thread: OpendThread,
) -> None:
    """The task that connects may end long before the client: the client's task is not its child."""

    async def start() -> Client:
        async with asyncio.timeout(5.0), asyncio.TaskGroup() as group:
            task: asyncio.Task[Client] = group.create_task(connect(opend_thread.port))
        return task.result()

    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            client = await asyncio.create_task(start())
            assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
            await client.aclose()


async def connect(port: int) -> Client:
    return await aiocapdist.connect(port=port)
