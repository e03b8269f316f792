"""Virtual time: it jumps, keeps the order, and reports a deadlock."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
from anyio import to_thread

import aiocapdist
from aiocapdist import Quota
from aiocapdist.simulator import Simulator

from .virtual_asyncio import BACKENDS, Stuck, VirtualLoop, run_virtually, virtual

SCALE = float(os.environ.get("AIOCAPDIST_SCALE", "1"))


@pytest.mark.parametrize("on", BACKENDS)
def test_a_virtual_day_takes_no_real_time(on: str) -> None:
    async def day() -> float:
        began = anyio.current_time()
        await anyio.sleep(86_400.0)
        return anyio.current_time() - began

    began = time.perf_counter()
    assert run_virtually(day, on=on) == 86_400.0
    assert time.perf_counter() - began < 5.0


@pytest.mark.parametrize("on", BACKENDS)
def test_sleeping_tasks_wake_in_order_and_exactly_in_time(on: str) -> None:
    woke: list[tuple[float, float]] = []

    async def sleeper(seconds: float) -> None:
        await anyio.sleep(seconds)
        woke.append((seconds, anyio.current_time()))

    async def all_of_them() -> float:
        began = anyio.current_time()
        async with anyio.create_task_group() as group:
            for seconds in (3.0, 0.1, 2.7, 0.30000000000000004, 1e-7, 40_000.1):
                group.start_soon(sleeper, seconds)
        return began

    began = run_virtually(all_of_them, on=on)
    assert [seconds for seconds, _ in woke] == sorted(seconds for seconds, _ in woke)
    assert all(at == began + seconds for seconds, at in woke)


@pytest.mark.parametrize("on", BACKENDS)
def test_tasks_run_in_the_same_order_each_time(on: str) -> None:
    async def order() -> list[int]:
        ran: list[int] = []

        async def run_some_turns(number: int) -> None:
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
                ran.append(number)

        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(run_some_turns, number)
        return ran

    assert run_virtually(order, on=on) == run_virtually(order, on=on)


@pytest.mark.parametrize("on", BACKENDS)
def test_time_stands_still_while_a_task_is_busy(on: str) -> None:
    async def busy() -> float:
        with anyio.move_on_after(1e-9) as scope:
            for _ in range(10_000):
                await anyio.lowlevel.checkpoint()
        assert not scope.cancelled_caught
        return anyio.current_time()

    first, second = run_virtually(busy, on=on), run_virtually(busy, on=on)
    assert first == second == 0.0


def test_a_deadlock_is_an_error() -> None:
    async def for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    loop = VirtualLoop()
    loop.patience = 0.05
    try:
        waiting = loop.create_task(for_ever())
        with pytest.raises(Stuck, match="no timer is set"):
            loop.run_until_complete(waiting)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(waiting)
    finally:
        loop.close()


def test_a_thread_is_waited_for_if_nothing_else_is_due() -> None:
    async def in_a_thread() -> str:
        return await to_thread.run_sync(lambda: "done")

    assert run_virtually(in_a_thread) == "done"


def test_threads_that_end_slowly_are_waited_for() -> None:
    async def leave_a_thread_behind() -> None:
        threads = ThreadPoolExecutor()
        threads.submit(time.sleep, 0.05)
        asyncio.get_running_loop().set_default_executor(threads)

    run_virtually(leave_a_thread_behind)


def test_settle_runs_all_that_is_ready_and_lets_no_time_pass() -> None:
    done: list[str] = []

    async def work() -> None:
        for _ in range(50):
            await asyncio.sleep(0)
        done.append("ready")
        await asyncio.sleep(5.0)
        done.append("later")

    loop = VirtualLoop()
    try:
        task = loop.create_task(work())
        loop.settle()
        assert (done, loop.time(), loop.jumps) == (["ready"], 0.0, 0)
        loop.let_pass(4.9)
        assert done == ["ready"]
        loop.let_pass(0.1)
        assert done == ["ready", "later"]
        assert task.done()
        assert loop.time() == pytest.approx(5.0)
    finally:
        loop.close()


@pytest.mark.anyio
class TestAsABackendOfAnyiosPlugin:
    @pytest.fixture(params=BACKENDS)
    def anyio_backend(self, request: pytest.FixtureRequest) -> object:
        return virtual(request.param)

    async def test_anyios_plugin_runs_on_virtual_time(self) -> None:
        began = anyio.current_time()
        with anyio.fail_after(7201.0):
            await anyio.sleep(7200.0)
        assert anyio.current_time() == began + 7200.0


@pytest.mark.parametrize("on", BACKENDS)
def test_hours_of_quota(on: str) -> None:
    """A client that asks without a pause for hours gets exactly what the quota allows.

    The simulator only counts, so that a request too many would be seen. By default it is 3 in
    30 s for 6 hours; from scale 5 on 30, for 24 hours.
    """
    limit, seconds = (30, 86_400.0) if SCALE >= 5 else (3, 21_600.0)

    async def whole_run() -> tuple[int, int, int, int]:
        answered = 0
        async with (
            Simulator(quota=(10**6, 30.0), keep_alive_interval=300, now=lambda: 1.7e9) as opend,
            aiocapdist.connect(opend.memory, quota=Quota(limit, 30.0)) as client,
        ):
            with anyio.move_on_after(seconds):
                endless = (f"HK.{n % 99_999:05d}" for n in range(10**9))
                async for outcome in client.capital_distributions(endless):
                    outcome.unwrap()
                    answered += 1
            counted = sum(request.proto_id == 3212 for request in opend.requests)
            return answered, counted, opend.largest_window, client.quota.rejections

    # One burst at the beginning of each 30.05 s: the period, and the margin.
    bursts = int(seconds / 30.05) + 1
    assert run_virtually(whole_run, on=on) == (limit * bursts, limit * bursts, limit, 0)
