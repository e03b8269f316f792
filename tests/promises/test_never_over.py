"""Row 4 of the promises: never over the quota. However long requests are under way, whatever
is cancelled or lost, and whenever client and gateway are started again: no closed window of
30 s holds more than 30 requests as OpenD counts them.

The pure form: the real quota, a clock moved by hand, and an OpenD that counts each request at
the worst moment it may. At scale 1: 4 seeds of 24 hours; the soak's are 1000. And the whole
stack, client and simulator, on virtual time: half an hour; from scale 48 on a whole day.
"""

from __future__ import annotations

import os
import random
from operator import sub
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import AiocapdistError, ClientClosed, Quota
from aiocapdist.quota._core import scheduler, store
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.simulator import Fault, Faults, Simulator

from ..quota.stubs import Clock, Watched
from ..support.virtual_asyncio import BACKENDS, run_virtually
from .day import LIMIT, PERIOD, Day
from .scale import SCALE, figure, scaled

FIRST_SEED = int(os.environ.get("AIOCAPDIST_SEED", "0"))
SEEDS = scaled(4)
HOURS_OF_THE_STACK = min(24.0, SCALE / 2)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The loop's clock; the machine's, on which a quota without a client runs, goes with it."""
    clock = Clock()
    machine = SimpleNamespace(monotonic=lambda: clock.now + 12_345.678)
    for module in (scheduler, store):
        monkeypatch.setattr(module, "time", machine)
    return clock


def test_in_no_window_of_any_day_one_too_many_is_counted(clock: Clock) -> None:
    requests, closest = 0, float("inf")
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        clock.now = 0.0
        day = Day(seed, clock)
        day.run()
        counted = sorted(day.counted)
        narrowest = min(map(sub, counted[LIMIT:], counted))
        assert narrowest > PERIOD, f"seed {seed}: {LIMIT + 1} requests within {narrowest} s"
        assert len(counted) > 15_000, "a day on which hardly anything was asked shows nothing"
        requests, closest = requests + len(counted), min(closest, narrowest)
    figure(4, days=SEEDS, requests=requests, shortest_time_of_31=f"{closest:.4f} s")
    assert closest < PERIOD + 0.06, "never near the limit: it would show nothing"


# ---- the whole stack


async def ask_for_ever(account: Any, drawn: random.Random) -> None:
    """One caller, who loses patience now and then."""
    while True:
        client = account.client
        patience = drawn.choice([0.0, 0.5, 5.0, 100.0, 1000.0])
        try:
            with anyio.move_on_after(patience):
                await client.capital_distribution(f"HK.{drawn.randrange(99_999):05d}")
        except ClientClosed:
            await account.another.wait()
        except AiocapdistError:
            pass
        await anyio.sleep(drawn.choice([0.0, 1.0]))


async def run_account(hours: float, seed: int) -> tuple[int, int, int, int]:
    drawn = random.Random(seed)
    quota = Quota(LIMIT, PERIOD)
    rates = {
        Fault.DROP: 0.004,
        Fault.DELAY: 0.01,
        Fault.CLOSE: 0.001,
        Fault.AWAY: 0.001,
        Fault.SILENT: 0.0003,
        Fault.RESET: 0.001,
        Fault.BAD_DIGEST: 0.002,
        Fault.TRUNCATED: 0.0005,
        Fault.GATEWAY_ERROR: 0.002,
        Fault.DUPLICATE: 0.005,
    }
    faults = Faults(rates, seed=seed, delay=(0.5, 70.0), away=4.0)
    account = SimpleNamespace(client=None, another=anyio.Event())
    async with (
        Simulator(quota=(10**6, PERIOD), latency=(0.001, 1.5), seed=seed, faults=faults) as opend,
        anyio.create_task_group() as group,
    ):
        # Kept in use by us too: with no client it would go over to the machine's own clock.
        scheduler_of(quota).attach(anyio.current_time, Watched())
        end = anyio.current_time() + hours * 3600.0
        restarts = 0
        while anyio.current_time() < end:
            try:
                async with aiocapdist.connect(opend.memory, quota=quota) as account.client:
                    account.another.set()
                    account.another = anyio.Event()
                    if not restarts:
                        for _ in range(60):
                            group.start_soon(ask_for_ever, account, drawn)
                    restarts += 1
                    left = end - anyio.current_time()
                    await anyio.sleep(min(left, drawn.expovariate(1 / 600)))
            except aiocapdist.ConnectError:
                await anyio.sleep(1.0)  # it is away just now
        group.cancel_scope.cancel()
    asked = sum(request.proto_id == 3212 for request in opend.requests)
    return opend.largest_window, asked, restarts, sum(faults.played.values())


@pytest.mark.parametrize("on", BACKENDS)
def test_nor_with_client_and_simulator_through_faults_cancels_and_restarts(on: str) -> None:
    random.seed(FIRST_SEED)  # the client's own draws: its serials, and when it comes back
    largest, asked, restarts, played = run_virtually(
        run_account, HOURS_OF_THE_STACK, FIRST_SEED + 4, on=on
    )
    stack = {"largest_window": largest, "counted": asked, "clients": restarts, "faults": played}
    figure(4, loop=on, hours=HOURS_OF_THE_STACK, **stack)
    assert largest == LIMIT
    assert asked > HOURS_OF_THE_STACK * 2000
    assert restarts > HOURS_OF_THE_STACK
    assert played > HOURS_OF_THE_STACK * 20
