"""Promise 33: many waiters cost little, coming and going.

Callers of one code, and of as many codes, wait for the quota; then all are cancelled, the first
first, the last first or in any order, or their time is over. CPU time is measured, so that other
programs do not disturb. At scale 1: 5,000 callers; ``AIOCAPDIST_SCALE=4`` are 20,000.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import thread_time

import pytest

from aiocapdist import Client, Quota, RequestTimeout, connect
from aiocapdist.simulator import Simulator

from ..support.callback_times import CallbackTimes, callback_times
from ..support.internals import leftovers_in_quota, requests
from .scale import figure, scaled

pytestmark = [
    pytest.mark.anyio,
    # Of one loop each callback can be measured; what is measured is the same on all.
    pytest.mark.parametrize("anyio_backend", ["asyncio"]),
]
MANY, FEW = scaled(5_000), 500
LONGEST = 0.020  # seconds of one callback of the event loop
LARGEST_GROWTH = 4.0  # ten, if each went through all; a busy machine may take twice as long
BATCH = 50  # callers cancelled in one turn of the loop


@asynccontextmanager
async def spent_quota() -> AsyncIterator[Client]:
    """Connect a client whose quota is spent for hours."""
    quota = Quota(1, 10_000.0)
    async with Simulator(quota=None) as opend, connect(port=opend.port, quota=quota) as client:
        await client.capital_distribution("HK.90000")
        yield client
        assert requests(client) == {}
        assert leftovers_in_quota(quota) == {}


def codes_of(kind: str, count: int) -> list[str]:
    if kind == "one code":
        return ["HK.00700"] * count
    return [f"HK.{n:05d}" for n in range(1, count + 1)]


async def come_and_go(kind: str, order: str, count: int, limits: dict[str, float]) -> CallbackTimes:
    """Let callers begin to wait, and cancel them all."""
    async with spent_quota() as client:
        codes = codes_of(kind, count)
        leaving = list(range(count))
        if order == "last first":
            leaving.reverse()
        elif order == "any order":
            random.Random(count).shuffle(leaving)
        tasks = []
        with callback_times() as times:
            await asyncio.sleep(0)
            for n, code in enumerate(codes):
                tasks.append(asyncio.create_task(client.capital_distribution(code, **limits)))
                if n % BATCH == 0:
                    await asyncio.sleep(0)
            for n, number in enumerate(leaving):
                tasks[number].cancel()
                if n % BATCH == 0:
                    await asyncio.sleep(0)
            for _ in range(5):
                await asyncio.sleep(0)
        assert all(task.cancelled() for task in tasks)
    return times


LIMITS: dict[str, dict[str, float]] = {
    "unlimited": {},
    "max_wait": {"max_wait": 1e9},
    "timeout": {"timeout": 1e5},
}


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("order", ["first first", "last first", "any order"])
@pytest.mark.parametrize("kind", ["one code", "as many codes"])
async def test_cancelled_in_any_order(kind: str, order: str, limits: str) -> None:
    few = await come_and_go(kind, order, FEW, LIMITS[limits])
    many = await come_and_go(kind, order, MANY, LIMITS[limits])
    growth = many.total / MANY / (few.total / FEW)
    figure(
        33,
        callers=f"{MANY} of {kind}, {order}, {limits}",
        longest_callback_ms=round(many.longest * 1000, 1),
        total_s=round(many.total, 2),
        cost_of_one_against_that_among_500=round(growth, 2),
    )
    assert many.longest < LONGEST
    assert growth < LARGEST_GROWTH


async def run_out_of_time(kind: str, order: str, count: int) -> CallbackTimes:
    """Let callers wait until their time is over, which is another for each."""
    limits = [0.3 + 1e-5 * n for n in range(count)]
    if order == "any order":
        random.Random(count).shuffle(limits)
    async with spent_quota() as client:
        codes = codes_of(kind, count)
        tasks = []
        with callback_times() as times:
            for n, (code, timeout) in enumerate(zip(codes, limits, strict=True)):
                call = client.capital_distribution(code, timeout=timeout)
                tasks.append(asyncio.create_task(call))
                if n % BATCH == 0:
                    await asyncio.sleep(0)
            await asyncio.wait(tasks)
        errors = {type(task.exception()) for task in tasks}
    assert errors == {RequestTimeout}
    return times


@pytest.mark.parametrize("order", ["first first", "any order"])
@pytest.mark.parametrize("kind", ["one code", "as many codes"])
async def test_out_of_time(kind: str, order: str) -> None:
    few = await run_out_of_time(kind, order, FEW)
    many = await run_out_of_time(kind, order, MANY)
    growth = many.total / MANY / (few.total / FEW)
    figure(
        33,
        callers=f"{MANY} of {kind} out of time, {order}",
        longest_callback_ms=round(many.longest * 1000, 1),
        total_s=round(many.total, 2),
        cost_of_one_against_that_among_500=round(growth, 2),
    )
    assert growth < LARGEST_GROWTH


async def test_joined_in_any_order() -> None:
    """Each of as many queued requests is joined by a caller who may wait for some time only."""

    async def join(count: int) -> CallbackTimes:
        codes = codes_of("as many codes", count)
        async with spent_quota() as client:
            first = [asyncio.create_task(client.capital_distribution(code)) for code in codes]
            await asyncio.sleep(0)
            random.Random(count).shuffle(codes)
            with callback_times() as times:
                joined = []
                for n, code in enumerate(codes):
                    call = client.capital_distribution(code, max_wait=1e9)
                    joined.append(asyncio.create_task(call))
                    if n % BATCH == 0:
                        await asyncio.sleep(0)
                await asyncio.sleep(0)
            for task in (*first, *joined):
                task.cancel()
            await asyncio.wait((*first, *joined))
        return times

    few, many = await join(FEW), await join(MANY)
    growth = many.total / MANY / (few.total / FEW)
    figure(33, joined=MANY, cost_of_one_against_that_among_500=round(growth, 2))
    assert growth < LARGEST_GROWTH


async def test_answered_at_once() -> None:
    """One reply for all: they are woken in one callback."""
    async with Simulator(quota=None) as opend, connect(port=opend.port) as client:
        tasks = [
            asyncio.create_task(client.capital_distribution(code))
            for code in codes_of("one code", MANY)
        ]
        with callback_times() as times:
            await asyncio.sleep(0)
            await tasks[0]
            await asyncio.sleep(0)
        await asyncio.wait(tasks)
        assert len({id(task.result()) for task in tasks}) == 1
    figure(33, woken=MANY, longest_callback_ms=round(times.longest * 1000, 1))
    assert times.longest < LONGEST


async def test_eta_with_a_limit_of_ten_million() -> None:
    limit = 10_000_000
    quota = Quota(limit, 10_000.0)
    longest = 0.0
    async with Simulator(quota=None) as opend, connect(port=opend.port, quota=quota) as client:
        await client.capital_distributions(codes_of("", 100)).collect()
        for n in (1, 30, limit - 100, limit, limit + 1, 10**12):
            began = thread_time()
            quota.eta(n)
            longest = max(longest, thread_time() - began)
    figure(33, eta_ms=round(longest * 1000, 2))
    assert longest < LONGEST
