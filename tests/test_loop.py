"""What depends on the event loop: waiters, the ticker, the clock."""

from __future__ import annotations

import asyncio
import time

import anyio
import anyio.lowlevel
import pytest
import trio

from aiocapdist._loop import (
    EventWaiter,
    Ticker,
    current_clock,
    new_waiter,
    on_asyncio,
    wake,
)

from .support.waiting import until


def test_on_asyncio_is_false_outside_any_loop() -> None:
    assert not on_asyncio()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_loop_is_recognised(backend: str) -> None:
    async def look() -> tuple[bool, type, float, float]:
        own = asyncio.get_running_loop().time if backend == "asyncio" else trio.current_time
        return on_asyncio(), type(new_waiter()), own(), current_clock()()

    asyncios, kind, before, now = anyio.run(look, backend=backend)
    assert asyncios is (backend == "asyncio")
    assert kind is (asyncio.Future if asyncios else EventWaiter)
    assert before <= now < before + 60.0


@pytest.mark.anyio
async def test_a_waiter_wakes_its_task_and_may_be_woken_twice() -> None:
    waiter, woken = new_waiter(), []

    async def wait() -> None:
        await waiter
        woken.append(1)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
            assert woken == []
            wake(waiter)
            wake(waiter)
        assert woken == [1]
        wake(waiter)


@pytest.mark.anyio
async def test_a_waiter_woken_before_it_is_awaited_does_not_wait() -> None:
    waiter = new_waiter()
    wake(waiter)
    with anyio.fail_after(5):
        await waiter


@pytest.mark.anyio
async def test_a_cancelled_waiter_may_be_woken() -> None:
    waiter = new_waiter()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await waiter
    assert scope.cancelled_caught
    wake(waiter)


class Deadlines:
    """Deadlines by a manual clock; counts ticks."""

    def __init__(self, *, ticks_help: bool = True) -> None:
        self.now = 0.0
        self.due: float | None = None
        self.ticks = 0
        self.asked = 0
        self._ticks_help = ticks_help
        self.ticker = Ticker(lambda: self.now, self._ask, self._tick)

    def _ask(self) -> float | None:
        self.asked += 1
        return self.due

    def _tick(self) -> None:
        self.ticks += 1
        if self._ticks_help:
            self.due = None


@pytest.mark.anyio
async def test_a_poke_for_a_sooner_deadline_wakes_the_ticker() -> None:
    deadlines = Deadlines()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(deadlines.ticker.run)
            await until(lambda: deadlines.asked == 1)
            deadlines.due = -1.0
            deadlines.ticker.poke(-1.0)
            await until(lambda: deadlines.ticks == 1)
            group.cancel_scope.cancel()
    assert deadlines.ticks == 1


@pytest.mark.anyio
async def test_a_poke_for_a_later_deadline_does_not_wake_the_ticker() -> None:
    """Many calls with one timeout: only the first deadline sets the timer."""
    deadlines = Deadlines()
    deadlines.due = 1e9 + time.monotonic()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(deadlines.ticker.run)
            await until(lambda: deadlines.asked == 1)
            for n in range(1000):
                deadlines.ticker.poke(deadlines.due + n)
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
            assert deadlines.asked == 1
            group.cancel_scope.cancel()


@pytest.mark.anyio
async def test_a_poke_before_it_runs_is_not_lost() -> None:
    deadlines = Deadlines()
    deadlines.due = -1.0
    deadlines.ticker.poke(-1.0)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(deadlines.ticker.run)
            await until(lambda: deadlines.ticks == 1)
            group.cancel_scope.cancel()


@pytest.mark.anyio
async def test_an_overdue_ticker_lets_other_tasks_run() -> None:
    deadlines = Deadlines(ticks_help=False)
    deadlines.due = -1.0
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(deadlines.ticker.run)
            await until(lambda: deadlines.ticks >= 10)
            seen = deadlines.ticks
            await anyio.lowlevel.checkpoint()
            assert deadlines.ticks <= seen + 2, "it took more than its turn"
            group.cancel_scope.cancel()
