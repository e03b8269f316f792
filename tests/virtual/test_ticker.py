"""The ticker on virtual time: it ticks when something is due, and only then."""

from __future__ import annotations

import anyio
import pytest
import trio

from aiocapdist._loop import Ticker, current_clock

pytestmark = pytest.mark.anyio


class Deadlines:
    """Several deadlines; a tick handles those that are due."""

    def __init__(self, *times: float) -> None:
        self.times = sorted(times)
        self.ticked: list[float] = []
        self.ticker = Ticker(current_clock(), self._next, self._tick)

    def _next(self) -> float | None:
        return self.times[0] if self.times else None

    def _tick(self) -> None:
        now = trio.current_time()
        self.ticked.append(now)
        self.times = [at for at in self.times if at > now]

    def add(self, at: float) -> None:
        self.times = sorted([*self.times, at])
        self.ticker.poke(at)


async def test_a_ticker_ticks_at_each_deadline_and_never_between() -> None:
    deadlines = Deadlines(2.0, 5.0, 5.0, 7.5)
    with anyio.move_on_after(100.0):
        await deadlines.ticker.run()
    assert deadlines.ticked == [2.0, 5.0, 7.5]


async def test_an_earlier_deadline_is_noticed_and_the_later_one_kept() -> None:
    deadlines = Deadlines(60.0)
    async with anyio.create_task_group() as group:
        group.start_soon(deadlines.ticker.run)
        await trio.sleep(10.0)
        deadlines.add(20.0)
        deadlines.add(80.0)
        deadlines.add(15.0)
        await trio.sleep(100.0)
        group.cancel_scope.cancel()
    assert deadlines.ticked == [15.0, 20.0, 60.0, 80.0]


async def test_without_a_deadline_a_ticker_sleeps_until_it_is_poked() -> None:
    deadlines = Deadlines()
    async with anyio.create_task_group() as group:
        group.start_soon(deadlines.ticker.run)
        await trio.sleep(1000.0)
        assert deadlines.ticked == []
        deadlines.add(trio.current_time())
        await trio.sleep(0.001)
        assert deadlines.ticked == [1000.0]
        group.cancel_scope.cancel()
