"""Promise 9: fairness. A single call beside a sweep of 600 codes waits for one token, never for
the sweep.
"""

from __future__ import annotations

import random

import anyio
import pytest

import aiocapdist
from aiocapdist import Client
from aiocapdist.simulator import Simulator

from ..support.internals import next_token_at, tokens
from ..support.virtual_asyncio import BACKENDS, run_virtually
from .scale import figure, scaled

SEEDS = scaled(1)
CODES = [f"HK.{n:05d}" for n in range(1, 601)]
ROUND_TRIP = 0.2


async def single_calls_beside_sweeps(sweeps: int, seed: int) -> list[float]:
    """Return for each single call how much longer it took than the wait for the next token."""
    drawn = random.Random(seed)
    over: list[float] = []
    swept = 0
    began = anyio.current_time()

    async def sweep(client: Client, codes: list[str]) -> None:
        nonlocal swept
        async for outcome in client.capital_distributions(codes):
            outcome.unwrap()
            swept += 1

    async with (
        Simulator(latency=(0.01, ROUND_TRIP), seed=seed, keep_alive_interval=300) as opend,
        aiocapdist.connect(opend.memory) as client,
        anyio.create_task_group() as group,
    ):
        for n in range(sweeps):
            codes = CODES if n == 0 else [code.replace("HK", "SH") for code in CODES]
            group.start_soon(sweep, client, codes)
        for number in range(15):
            await anyio.sleep(drawn.uniform(0.0, 35.0))
            assert swept < sweeps * 600
            now = anyio.current_time()
            until_a_token = max(0.0, next_token_at(client.quota) - now)
            if tokens(
                client.quota
            ).held:  # its reply may come first, and its token expire after the others
                until_a_token = min(until_a_token, 30.05 + ROUND_TRIP)
            await client.capital_distribution(f"US.S{number}")
            over.append(anyio.current_time() - now - until_a_token)
        assert swept < sweeps * 600
        group.cancel_scope.cancel()
    assert anyio.current_time() - began < 15 * 70.0
    return over


@pytest.mark.parametrize("sweeps", [1, 2])
@pytest.mark.parametrize("on", BACKENDS)
def test_a_single_call_waits_for_one_token_and_not_for_a_sweep(on: str, sweeps: int) -> None:
    worst = 0.0
    for seed in range(SEEDS):
        over = run_virtually(single_calls_beside_sweeps, sweeps, seed, on=on)
        assert len(over) == 15
        worst = max(worst, *over)
    figure(9, loop=on, sweeps_of_600=sweeps, longest_beyond_the_next_token=f"{worst:.3f} s")
    # Its own round trip and nothing else: its queue was served longest ago.
    assert worst <= ROUND_TRIP + 1e-6
