"""Timeouts and cancellation around ``async with connect()``, wherever they take effect."""

from __future__ import annotations

import anyio
import pytest
import trio

import aiocapdist
from aiocapdist import Client, ConnectError, Quota

from ..support.waiting import until
from .opend_thread import OpendThread, no_leaks

pytestmark = pytest.mark.anyio
SOON = 0.05


async def test_a_timeout_around_connecting_raises_timeout_error(
    opend_thread: OpendThread, silent_port: int
) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            with pytest.raises(TimeoutError) as caught, anyio.fail_after(SOON):
                async with aiocapdist.connect(port=silent_port):
                    raise AssertionError("nobody answers")
            assert type(caught.value) is TimeoutError


async def test_connect_timeout_raises_a_connect_error_that_is_a_timeout_error(
    opend_thread: OpendThread, silent_port: int
) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            # On a busy machine all of it may pass before the peer has accepted.
            with pytest.raises(ConnectError, match=r"no reply in time|no answer within 0\.3 s"):
                async with aiocapdist.connect(port=silent_port, connect_timeout=0.3):
                    raise AssertionError("nobody answers")


async def test_a_timeout_around_the_body_raises_timeout_error(opend_thread: OpendThread) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            with pytest.raises(TimeoutError) as caught, anyio.fail_after(SOON):
                async with aiocapdist.connect(port=opend_thread.port):
                    await anyio.sleep_forever()
            assert type(caught.value) is TimeoutError


async def test_move_on_after_leaves_the_body_without_an_error(opend_thread: OpendThread) -> None:
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            with anyio.CancelScope() as scope:
                async with aiocapdist.connect(port=opend_thread.port) as client:
                    scope.deadline = anyio.current_time() + SOON  # connecting may take longer
                    await anyio.sleep_forever()
            assert scope.cancelled_caught
            assert client.status.state == "closed"


async def test_a_timeout_around_one_call_leaves_the_client_usable(
    opend_thread: OpendThread,
) -> None:
    quota = Quota(1, 60.0)
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            async with aiocapdist.connect(port=opend_thread.port, quota=quota) as client:
                await client.capital_distribution("HK.00001")
                with pytest.raises(TimeoutError), anyio.fail_after(SOON):
                    await client.capital_distribution("HK.00002")
                assert quota.waiting == 0
                assert (await client.global_state()).conn_id == client.status.conn_id
                assert client.status.reconnects == 0


@pytest.mark.parametrize("turns", range(4))
async def test_cancelling_while_leaving_the_block_closes_the_client_all_the_same(
    opend_thread: OpendThread, turns: int
) -> None:
    """The scope around it is cancelled some turns of the loop after the end of the body."""
    with anyio.fail_after(10):
        async with no_leaks(opend_thread), anyio.create_task_group() as group:
            leaving = anyio.Event()
            scope = anyio.CancelScope()

            async def cancel() -> None:
                await leaving.wait()
                for _ in range(turns):
                    await anyio.lowlevel.checkpoint()
                scope.cancel()

            group.start_soon(cancel)
            await anyio.wait_all_tasks_blocked()
            with scope:
                async with aiocapdist.connect(port=opend_thread.port) as client:
                    leaving.set()
            assert client.status.state == "closed"


async def hold(port: int, held: list[Client]) -> None:
    async with aiocapdist.connect(port=port) as client:
        held.append(client)
        await anyio.sleep_forever()


async def test_cancelling_the_task_that_holds_a_client_closes_it(opend_thread: OpendThread) -> None:
    held = list[Client]()
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            async with anyio.create_task_group() as group:
                group.start_soon(hold, opend_thread.port, held)
                await until(lambda: held)
                group.cancel_scope.cancel()
            assert held[0].status.state == "closed"


async def test_only_the_error_of_a_failing_sibling_task_is_raised(
    opend_thread: OpendThread,
) -> None:
    held = list[Client]()
    with anyio.fail_after(10):
        async with no_leaks(opend_thread):
            with pytest.raises(ExceptionGroup) as caught:
                async with anyio.create_task_group() as group:
                    group.start_soon(hold, opend_thread.port, held)
                    await until(lambda: held)
                    raise ZeroDivisionError("the sibling's own")
            assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError]


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_trios_own_timeouts_work_too(opend_thread: OpendThread, silent_port: int) -> None:
    async with no_leaks(opend_thread):
        with pytest.raises(trio.TooSlowError), trio.fail_after(SOON):
            async with aiocapdist.connect(port=silent_port):
                raise AssertionError("nobody answers")
        with pytest.raises(trio.TooSlowError), trio.fail_after(SOON):
            async with aiocapdist.connect(port=opend_thread.port):
                await trio.sleep_forever()
