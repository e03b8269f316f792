"""How long N codes take through 30 calls in 30 seconds, on virtual time, against the floor."""

from __future__ import annotations

import trio
import trio.testing

import aiocapdist
from aiocapdist.simulator import Simulator

ROUND_TRIP = 0.05
COUNTS = (30, 31, 60, 100, 200, 300, 500, 800, 1200, 2000)


def floor(count: int) -> float:
    """No client can be faster: thirty in each period, and the last one's round trip."""
    return 30.0 * ((count - 1) // 30) + ROUND_TRIP


def paced_loop(count: int) -> float:
    """What a loop takes that sleeps a second after each call: not measured, it is arithmetic."""
    return count * (1.0 + ROUND_TRIP)


def measure() -> list[tuple[int, float, float]]:
    """Codes, seconds taken, seconds of the floor."""
    return [(count, _run(count), floor(count)) for count in COUNTS]


def _run(count: int) -> float:
    clock = trio.testing.MockClock(autojump_threshold=0)
    return trio.run(_sweep, count, clock=clock)


async def _sweep(count: int) -> float:
    codes = [f"HK.{n:05d}" for n in range(count)]
    async with (
        Simulator(latency=ROUND_TRIP) as opend,
        aiocapdist.connect(opend.memory) as client,
    ):
        began = trio.current_time()
        report = await client.capital_distributions(codes).collect()
        assert len(report.values) == count
        assert opend.largest_window <= 30
        return trio.current_time() - began
