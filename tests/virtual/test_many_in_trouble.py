"""Three gateways and all kinds of faults at once, on virtual time: no code is lost, and no
window is over the limit."""

from __future__ import annotations

import random
from collections import Counter

import anyio
import pytest
import trio

from aiocapdist import Quota
from aiocapdist.simulator import Fault, Faults, Simulator

from ..support.gateway_group import gateway_group, sweep_outcomes
from ..support.internals import leftovers_in_group, tokens
from ..support.waiting import Call
from .event_log import codes

pytestmark = pytest.mark.anyio
TROUBLE = (
    *(Fault.DROP, Fault.DELAY, Fault.DUPLICATE, Fault.BAD_DIGEST, Fault.REFUSE),
    *(Fault.GATEWAY_ERROR, Fault.CLOSE, Fault.SILENT, Fault.AWAY, Fault.TRUNCATED),
)


async def come_and_go(opends: list[Simulator], chance: random.Random) -> None:
    while True:
        await trio.sleep(chance.uniform(1.0, 60.0))
        opend = chance.choice(opends)
        await opend.go_away()
        await trio.sleep(chance.uniform(0.0, 20.0))
        await opend.come_back()


@pytest.mark.parametrize("shared", [False, True], ids=["three accounts", "one account"])
@pytest.mark.parametrize("seed", range(3))
async def test_each_code_is_answered_once_and_no_window_is_over_the_limit(
    seed: int, shared: bool
) -> None:
    chance = random.Random(seed)
    opends = [
        Simulator(
            quota=(10_000, 30.0),  # it only counts, so that a request too many would be seen
            latency=(0.01, 0.5),
            faults=Faults(
                dict.fromkeys(TROUBLE, 0.02), seed=10 * seed + n, delay=(0.1, 70.0), away=3.0
            ),
        )
        for n in range(3)
    ]
    quotas = [Quota(20)] * 3 if shared else [Quota(limit) for limit in (5, 10, 20)]
    async with (
        gateway_group(*opends, memory=True, quota=quotas, attempts=99) as (clients, _),
        anyio.create_task_group() as group,
    ):
        trouble = Call(group, come_and_go, opends, chance)
        sweeps = [
            Call(group, sweep_outcomes, clients, codes(200, start=1 + 200 * n)) for n in range(2)
        ]
        singles = []
        for code in codes(60, start=5000):
            await trio.sleep(chance.uniform(0.0, 5.0))
            singles.append(Call(group, clients.capital_distribution, code))
            if chance.random() < 0.2:
                chance.choice(singles).cancel()
        with anyio.fail_after(7200.0):
            for n, sweep in enumerate(sweeps):
                outcomes = await sweep.value()
                got = Counter(outcome.code for outcome in outcomes)
                assert got == Counter(codes(200, start=1 + 200 * n))
                assert all(outcome.value is not None for outcome in outcomes)
            for single in singles:
                await single.end()
                assert single.cancelled or (await single.value()).code
        trouble.cancel()
        await trouble.end()
        for opend in opends:
            await opend.come_back()
        await trio.sleep(200.0)  # a late reply may be expected for 60 s, and expires for 31
        assert [status.state for status in clients.status.values()] == ["ready"] * 3
        assert leftovers_in_group(clients) == {}
        for quota in quotas:
            assert tokens(quota).free == quota.limit
        if shared:
            times = sorted(r.time for opend in opends for r in opend.requests if r.proto_id == 3212)
            assert all(b - a > 30.0 for a, b in zip(times, times[20:], strict=False))
        else:
            for opend, quota in zip(opends, quotas, strict=True):
                assert opend.largest_window <= quota.limit
