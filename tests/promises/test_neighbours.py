"""Promise 8: other programs may spend from the same account. Another program spends 5 or 15 of the
account's 30 in each window, and OpenD counts rejected requests or does not. No call fails, few
are rejected, and most of what is left is used.

Each test runs for a virtual hour at scale 1 (24 at most), the start included.
"""

from __future__ import annotations

import anyio
import pytest

from aiocapdist.simulator import Simulator

from ..support.virtual_asyncio import run_virtually
from .neighbours import Fared, Ours, spend
from .scale import SCALE, figure

HOURS = min(24.0, SCALE)
AT_LEAST = {5: 0.85, 15: 0.55}  # of what the other program leaves


async def beside_a_foreigner(each: int, manner: str, counted: bool) -> tuple[Fared, int, int]:
    ours = Ours(first_code=20_000)
    async with (
        Simulator(count_refused=counted, keep_alive_interval=300, now=lambda: 1.7e9) as opend,
        anyio.create_task_group() as group,
    ):
        group.start_soon(spend, opend, each, manner, 1)
        group.start_soon(ours.ask, opend)
        await anyio.sleep(HOURS * 3600.0)
        group.cancel_scope.cancel()
    refused = sum(r.outcome == "refused" and r.code != "HK.00005" for r in opend.requests)
    return ours.fared(HOURS * 3600.0), refused, opend.largest_window


@pytest.mark.parametrize("counted", [False, True], ids=["refusals free", "refusals counted"])
@pytest.mark.parametrize("manner", ["evenly", "in bursts", "at random"])
@pytest.mark.parametrize("each", AT_LEAST)
def test_beside_another_program_calls_are_answered_and_few_are_rejected(
    each: int, manner: str, counted: bool
) -> None:
    fared, refused, largest = run_virtually(beside_a_foreigner, each, manner, counted)
    used = fared.answered_each / (30 - each)
    figure(
        8,
        neighbour=f"{each} {manner}",
        refusals_count=counted,
        used=f"{used:.1%}",
        refused_each=f"{fared.refused_each:.2f}",
        longest_gap=f"{fared.longest_gap:.0f} s",
    )
    assert fared.failed == 0
    assert used >= AT_LEAST[each]
    assert fared.refused_each <= 0.5
    assert fared.longest_gap < 60.0, "it was idle for too long"
    assert largest == 30
    # Each rejection is announced; those that come together are announced once.
    assert 0 < fared.refused <= refused <= fared.refused + 5  # the last may be in flight
    assert refused / 2 < fared.told <= refused


async def two_of_ours(counted: bool, seed: int) -> tuple[Fared, Fared, list[float]]:
    """Run two equal clients, the second a little later, each with its own quota, as in two
    processes that know nothing of each other. Returns their shares of the second half, too."""
    first, second = Ours(20_000), Ours(60_000)
    latency, seconds = (0.005, 0.3), 0.75 * HOURS * 3600.0
    async with (
        Simulator(
            count_refused=counted,
            keep_alive_interval=300,
            latency=latency,
            seed=seed,
            now=lambda: 1.7e9,
        ) as opend,
        anyio.create_task_group() as group,
    ):
        group.start_soon(first.ask, opend)
        await anyio.sleep(17.0)
        group.start_soon(second.ask, opend)
        await anyio.sleep(seconds / 2)
        before = [ours.answered for ours in (first, second)]
        await anyio.sleep(seconds / 2)
        group.cancel_scope.cancel()
    later = [first.answered - before[0], second.answered - before[1]]
    return first.fared(seconds), second.fared(seconds), [n / sum(later) for n in later]


@pytest.mark.parametrize("counted", [False, True], ids=["refusals free", "refusals counted"])
def test_two_equal_clients_do_not_starve_each_other(counted: bool) -> None:
    first, second, shares = run_virtually(two_of_ours, counted, 4)
    figure(
        8,
        refusals_count=counted,
        answered_each=f"{first.answered_each:.1f} and {second.answered_each:.1f}",
        refused_each=f"{first.refused_each:.2f} and {second.refused_each:.2f}",
        shares_later=" and ".join(f"{share:.0%}" for share in shares),
        longest_gaps=f"{first.longest_gap:.0f} and {second.longest_gap:.0f} s",
    )
    assert first.failed == second.failed == 0
    assert min(first.answered_each, second.answered_each) >= 7.0
    assert min(shares) >= 1 / 3
    assert first.answered_each + second.answered_each >= 22.0
    assert max(first.refused_each, second.refused_each) <= 1.3
    assert max(first.longest_gap, second.longest_gap) < 300.0
