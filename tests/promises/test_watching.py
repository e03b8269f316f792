"""Row 34 of the promises: a watch is never over the quota, and never silently stale.

Hours of markets opening and closing, with faults, slow readers, and codes that come and go:
every change is given or counted as skipped, no code is more than a round ahead of another, and
no window holds more than 30 requests. At scale 1: 2 seeds of 6 hours; from scale 4 on, of
24 hours. And 40 codes a minute beside single calls, with the loop that people write beside it.
"""

from __future__ import annotations

import os
import random

import anyio
import pytest

import aiocapdist
from aiocapdist import Quota
from aiocapdist._pb import capital_distribution_pb2
from aiocapdist.simulator import Simulator

from ..simulator.raw import RawClient, raw_client
from ..support.market_hours import running_from
from ..support.virtual_asyncio import BACKENDS, run_virtually
from .scale import SCALE, figure, scaled
from .watched_day import EVERY, Figures, WatchedDay

FIRST_SEED = int(os.environ.get("AIOCAPDIST_SEED", "0"))
SEEDS = scaled(2)
HOURS = min(24.0, 6 * SCALE)
MARKET_HOURS = min(24.0, SCALE)
CODES = [f"HK.{n:05d}" for n in range(1, 41)]


async def a_day(seed: int) -> Figures:
    random.seed(seed)  # the client's own draws: serials, and when it reconnects
    return await WatchedDay(seed, HOURS).run()


def test_every_change_is_given_or_counted_and_no_code_is_forgotten() -> None:
    days = []
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        day = run_virtually(a_day, seed, on=BACKENDS[seed % 2])
        days.append(day)
        # That all 30 are used is shown below: on some days each burst meets a fault.
        assert day.largest_window <= 30, f"seed {seed}: {day}"
        assert day.unaccounted == 0, f"seed {seed}: {day}"
        assert day.furthest_apart <= 1, f"seed {seed}: {day}"
        assert day.stalest < EVERY + 120, f"seed {seed}: {day}"
        assert day.changes > 20 * HOURS
        assert day.skipped > HOURS
        assert day.faults > HOURS
    figure(
        34,
        seeds=SEEDS,
        hours=HOURS,
        requests=sum(day.requests for day in days),
        changes=sum(day.changes for day in days),
        skipped=sum(day.skipped for day in days),
        errors=sum(day.errors for day in days),
        faults=sum(day.faults for day in days),
        largest_window=max(day.largest_window for day in days),
        furthest_apart=max(day.furthest_apart for day in days),
        stalest=f"{max(day.stalest for day in days):.0f} s at a pace of {EVERY:.0f} s",
        unaccounted=sum(day.unaccounted for day in days),
    )


# ---- 40 codes a minute beside single calls


async def watch_beside_single_calls() -> None:
    waited, changes = [], 0
    drawn = random.Random(1)
    async with (
        Simulator(now=running_from("2023-11-15 09:00"), latency=0.05) as opend,
        aiocapdist.connect(opend.memory, quota=Quota(30, 30.0)) as client,
        anyio.create_task_group() as group,
    ):
        watch = client.watch(CODES, every=60.0)

        async def read() -> None:
            nonlocal changes
            async for _ in watch:
                changes += 1

        async def ask() -> None:
            while True:
                await anyio.sleep(drawn.expovariate(1 / 15))
                before = anyio.current_time()
                await client.capital_distribution(f"US.A{drawn.randrange(10**6)}")
                waited.append(anyio.current_time() - before)

        group.start_soon(read)
        group.start_soon(ask)
        await anyio.sleep(MARKET_HOURS * 3600.0)
        group.cancel_scope.cancel()
        asked = [r for r in opend.requests if r.proto_id == 3212 and (r.code or "")[:2] == "HK"]
        rejected = [r for r in opend.requests if r.outcome == "refused"]
        # The first round takes all tokens there are: a call in its first 31 s waits for one.
        figure(
            34,
            watched_hours=MARKET_HOURS,
            requests=len(asked),
            changes=changes,
            rejected=len(rejected),
            largest_window=opend.largest_window,
            round_time=f"{watch.round_time:.1f} s",
            single_calls=len(waited),
            longest_single_call=f"{max(waited):.1f} s",
            longest_after_the_first_round=f"{max(waited[5:]):.2f} s",
        )
        assert rejected == []
        assert opend.largest_window == 30
        assert watch.round_time == pytest.approx(60.0, abs=1.0)
        assert max(waited) < 31.0
        assert max(waited[5:]) < 5.0


def test_40_codes_a_minute_beside_single_calls() -> None:
    run_virtually(watch_beside_single_calls)


async def ask_raw(client: RawClient, serial: int, market: int, symbol: str) -> bool:
    request = capital_distribution_pb2.Request()
    request.c2s.security.market, request.c2s.security.code = market, symbol
    reply = await client.ask(3212, serial, request)
    return reply.refusal[0] == 0


async def the_loop_that_people_write() -> None:
    """``for code in codes: ask(code); sleep(0.5)``, and single calls from elsewhere."""
    answered = rejected = rounds = 0
    singles = [0, 0]
    drawn = random.Random(1)
    options = {"now": running_from("2023-11-15 09:00"), "latency": 0.05}
    # A raw client sends no keep-alives: with this interval none is missed.
    async with Simulator(**options, keep_alive_interval=100_000) as opend:  # type: ignore[arg-type]
        async with (
            raw_client(opend) as loop,
            raw_client(opend) as single,
            anyio.create_task_group() as group,
        ):

            async def ask() -> None:
                serial = 1
                while True:
                    await anyio.sleep(drawn.expovariate(1 / 15))
                    serial += 1
                    singles[await ask_raw(single, serial, 11, f"A{serial}")] += 1

            group.start_soon(ask)
            end = anyio.current_time() + MARKET_HOURS * 3600.0
            serial = 1
            while anyio.current_time() < end:
                rounds += 1
                for code in CODES:
                    serial += 1
                    good = await ask_raw(loop, serial, 1, code[3:])
                    answered, rejected = answered + good, rejected + (not good)
                    await anyio.sleep(0.5)
            group.cancel_scope.cancel()
    figure(
        34,
        looped_hours=MARKET_HOURS,
        requests=answered + rejected,
        answered=answered,
        rejected=rejected,
        round_time=f"{MARKET_HOURS * 3600 / rounds:.1f} s",
        single_calls=sum(singles),
        of_them_rejected=singles[0],
    )
    assert rejected > answered / 4, "it would be no comparison"


def test_beside_the_loop_that_people_write() -> None:
    run_virtually(the_loop_that_people_write)
