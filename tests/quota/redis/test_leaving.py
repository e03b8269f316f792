"""Whoever leaves, at whatever moment: no token is lost for longer than it must be, nothing stays
open, and the server is told what it has to know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import anyio
import pytest

import aiocapdist
from aiocapdist.quota import RedisQuota
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.simulator import Simulator

from ...support import internals
from ...support.cancelling import (
    Interrupt,
    Operation,
    Point,
    Run,
    cancel_scope,
    cancel_task,
    interrupt_everywhere,
)
from ...support.internals import leftovers_in_quota
from ...support.leaks import Baseline
from ...support.loops import LOOPS
from ...support.waiting import Call, until
from .servers import Server, needs_redis, store_of

pytestmark = [needs_redis, pytest.mark.anyio]
STRIKES = [
    (Point.BEGINS, cancel_scope),
    (Point.BEGINS, cancel_task),
    (Point.ENDS, cancel_task),
    (Point.STEP, cancel_task),
    (Point.STEP, cancel_scope),
]
# uvloop's steps cannot be counted.
PLAIN = [loop for loop in LOOPS if loop.id == "asyncio"]
LIMIT = 1000


def quota_at(server: Server, key: str = "", **options: Any) -> RedisQuota:
    """A quota of its own, unless a key is given."""
    if not key:
        key = uuid4().hex
        server.warm(key)
    return RedisQuota(server.url, key, LIMIT, 60.0, **options)


async def is_even(server: Server, quota: RedisQuota, opend: Simulator) -> None:
    """In the end the book holds what OpenD counted, and no more."""
    assert quota.key is not None
    spent = sum(request.code is not None for request in opend.requests)
    with anyio.fail_after(10):
        await until(lambda: server.leases(str(quota.key)) == ({"expiring": spent} if spent else {}))


@pytest.mark.parametrize("anyio_backend", PLAIN)
@pytest.mark.parametrize(("when", "strike"), STRIKES)
async def test_a_call_cancelled_anywhere_costs_what_was_sent_and_nothing_else(
    redis_server: Server, when: Point, strike: Interrupt
) -> None:
    async with Simulator(quota=None) as opend:
        quota = quota_at(redis_server)
        async with aiocapdist.connect(port=opend.port, quota=quota) as client:

            @asynccontextmanager
            async def scene() -> AsyncIterator[Operation]:
                await until(lambda: not internals.requests(client))
                yield lambda: client.capital_distribution("HK.00700")

            async def check(run: Run) -> None:
                await is_even(redis_server, quota, opend)
                await until(lambda: not leftovers_in_quota(quota))
                assert store_of(quota).unspent == 0

            with anyio.fail_after(60):
                assert await interrupt_everywhere(scene, when, strike, check) > 0


@pytest.mark.parametrize("anyio_backend", PLAIN)
@pytest.mark.parametrize(("when", "strike"), STRIKES)
async def test_a_client_cancelled_anywhere_in_its_life_leaves_nothing_open(
    redis_server: Server, when: Point, strike: Interrupt
) -> None:
    quota = quota_at(redis_server)
    async with Simulator(quota=None) as opend:
        await anyio.wait_all_tasks_blocked()
        room = Baseline(opend)

        @asynccontextmanager
        async def scene() -> AsyncIterator[Operation]:
            async def operation() -> None:
                async with aiocapdist.connect(port=opend.port, quota=quota) as client:
                    await client.capital_distribution("HK.00700")
                    await anyio.lowlevel.checkpoint()

            yield operation

        async def check(run: Run) -> None:
            await room.wait_restored()
            assert (scheduler_of(quota).listeners, leftovers_in_quota(quota)) == ([], {})

        with anyio.fail_after(100):
            count = await interrupt_everywhere(
                scene, when, strike, check, stride=1 + 4 * (when is Point.STEP)
            )
        assert count > 0
        await room.wait_restored()


async def test_who_closes_tells_his_last_reply_and_what_he_leaves_under_way(
    redis_server: Server,
) -> None:
    quota = quota_at(redis_server)
    assert quota.key is not None
    with anyio.fail_after(5):
        async with Simulator(quota=None) as opend:
            async with aiocapdist.connect(port=opend.port, quota=quota) as client:
                await client.capital_distribution("HK.00001")
            await is_even(redis_server, quota, opend)
        async with (
            Simulator(quota=None, latency=60.0) as opend,
            anyio.create_task_group() as group,
        ):
            async with aiocapdist.connect(port=opend.port, quota=quota) as client:
                codes = ["HK.00001", "HK.00002"]
                Call(group, client.capital_distributions(codes).collect)
                await until(lambda: scheduler_of(quota).store.held == 2)
                await until(lambda: all(internals.is_written(client, code) for code in codes))
            await until(lambda: redis_server.leases(str(quota.key)) == {"expiring": 3})


async def test_of_two_clients_on_one_quota_the_other_goes_on(redis_server: Server) -> None:
    quota = quota_at(redis_server)
    with anyio.fail_after(5):
        async with (
            Simulator(quota=None) as opend,
            aiocapdist.connect(port=opend.port, quota=quota) as stays,
        ):
            async with aiocapdist.connect(port=opend.port, quota=quota) as goes:
                await goes.capital_distribution("HK.00001")
                await stays.capital_distribution("HK.00002")
            await stays.capital_distribution("HK.00003")
            await is_even(redis_server, quota, opend)
            assert quota.available == LIMIT - 3


def test_on_the_next_loop_it_goes_on_where_it_was(redis_server: Server) -> None:
    quota = quota_at(redis_server)

    async def ask(*codes: str) -> None:
        with anyio.fail_after(5):
            async with (
                Simulator(quota=None) as opend,
                aiocapdist.connect(port=opend.port, quota=quota) as client,
            ):
                assert not (await client.capital_distributions(codes).collect()).errors

    asyncio.run(ask("HK.00001", "HK.00002"))
    # As it last heard: perhaps not yet of a token that it gave back unused.
    assert quota.available in {LIMIT - 3, LIMIT - 2}
    asyncio.run(ask("HK.00003"))
    assert quota.available in {LIMIT - 4, LIMIT - 3}
    assert redis_server.leases(str(quota.key)) == {"expiring": 3}


async def test_two_programs_see_what_the_other_spends(redis_server: Server) -> None:
    one = quota_at(redis_server)
    other = quota_at(redis_server, str(one.key))
    with anyio.fail_after(5):
        async with Simulator(quota=None) as opend:
            async with aiocapdist.connect(port=opend.port, quota=one) as client:
                await client.capital_distributions(["HK.00001", "HK.00002", "HK.00003"]).collect()
            async with aiocapdist.connect(port=opend.port, quota=other) as client:
                assert other.available == LIMIT - 3
                await client.capital_distribution("HK.00004")
                await is_even(redis_server, other, opend)
