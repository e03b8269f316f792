"""What every kind of quota does alike: one suite over each of them, on each loop.

Quotas of one maker spend from the same account, as those of several programs do.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import Client, Quota, QuotaWaitTooLong, Throttled, Unthrottled
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.simulator import Simulator

from ..support.internals import pause_grants, resume_grants
from ..support.leaks import Baseline
from ..support.waiting import Call, until
from .contract import Maker

pytestmark = pytest.mark.anyio
PERIOD = 0.3


def codes(count: int, first: int = 1) -> list[str]:
    return [f"HK.{n:05d}" for n in range(first, first + count)]


@asynccontextmanager
async def client_of(opend: Simulator, quota: Quota, **options: Any) -> AsyncIterator[Client]:
    async with aiocapdist.connect(port=opend.port, quota=quota, **options) as client:
        yield client


async def test_a_sweep_goes_as_fast_as_it_may_and_no_faster(make_quota: Maker) -> None:
    quota = make_quota(4, PERIOD, margin=0.01)
    with anyio.fail_after(20):
        async with Simulator(quota=(4, PERIOD)) as opend, client_of(opend, quota) as client:
            began = anyio.current_time()
            report = await client.capital_distributions(codes(14)).collect()
            took = anyio.current_time() - began
    assert list(report.values) == codes(14)
    assert opend.largest_window == 4
    assert quota.rejections == 0
    assert took > 3 * PERIOD


async def test_programs_of_one_account_share_its_tokens(make_quota: Maker) -> None:
    with anyio.fail_after(20):
        async with (
            Simulator(quota=(5, PERIOD), latency=(0.0, 0.01)) as opend,
            client_of(opend, make_quota(5, PERIOD, margin=0.01)) as one,
            client_of(opend, make_quota(5, PERIOD, margin=0.01)) as other,
            client_of(opend, make_quota(5, PERIOD, margin=0.01)) as third,
            anyio.create_task_group() as group,
        ):
            sweeps = [
                Call(group, client.capital_distributions(codes(6, 10 * n)).collect)
                for n, client in enumerate([one, other, third], 1)
            ]
            for n, sweep in enumerate(sweeps, 1):
                assert list((await sweep.value()).values) == codes(6, 10 * n)
            refused = [client.quota.rejections for client in (one, other, third)]
    assert opend.largest_window <= 5
    assert refused == [0, 0, 0]


async def test_a_call_of_one_program_waits_little_beside_the_sweep_of_another(
    make_quota: Maker,
) -> None:
    period = 4 * PERIOD  # a Redis server that is kept waiting for a processor takes part of it
    with anyio.fail_after(20):
        async with (
            Simulator(quota=(3, period)) as opend,
            client_of(opend, make_quota(3, period, margin=0.01)) as sweeps,
            client_of(opend, make_quota(3, period, margin=0.01)) as calls,
            anyio.create_task_group() as group,
        ):
            sweep = Call(group, sweeps.capital_distributions(codes(60)).collect)
            await until(lambda: len(opend.requests) >= 2 + 4)  # it is in full swing
            before = len(opend.requests)
            await calls.capital_distribution("HK.09999")
            assert len(opend.requests) - before <= 3 + 3
            sweep.cancel()
    assert opend.largest_window == 3


async def test_who_gives_up_waiting_leaves_nothing(make_quota: Maker) -> None:
    quota, other = (make_quota(1, PERIOD, margin=0.01) for _ in range(2))
    with anyio.fail_after(20):
        async with (
            Simulator(quota=(1, PERIOD)) as opend,
            client_of(opend, quota) as client,
            client_of(opend, other) as neighbour,
            anyio.create_task_group() as group,
        ):
            await client.capital_distribution("HK.00001")
            pause_grants(quota)  # on a busy machine the token may be back before they ask
            waits = [Call(group, client.capital_distribution, code) for code in codes(3, 2)]
            await until(lambda: quota.waiting == 3)
            for call in waits:
                call.cancel()
                await call.end()
                assert call.cancelled
            assert quota.waiting == 0
            resume_grants(quota)
            await neighbour.capital_distribution("HK.00005")
            await client.capital_distribution("HK.00006")
            asked = [request.code for request in opend.requests if request.code]
    assert asked == ["HK.00001", "HK.00005", "HK.00006"]
    assert opend.largest_window == 1


async def test_a_token_that_is_granted_while_its_caller_leaves_is_not_lost(
    make_quota: Maker,
) -> None:
    quota = make_quota(2, PERIOD, margin=0.01)
    with anyio.fail_after(20):
        async with (
            Simulator(quota=(2, PERIOD)) as opend,
            client_of(opend, quota) as client,
        ):
            await until(lambda: quota.available == 2)
            for turn in range(20):
                async with anyio.create_task_group() as group:
                    call = Call(group, client.capital_distribution, "HK.00001")
                    for _ in range(turn):
                        await anyio.lowlevel.checkpoint()
                    call.cancel()
            # Whatever was sent was counted, and nothing else was spent.
            await until(lambda: quota.available == 2)
            report = await client.capital_distributions(codes(4, 10)).collect()
    assert len(report.values) == 4
    assert opend.largest_window == 2


async def test_it_tells_where_it_stands(make_quota: Maker) -> None:
    quota = make_quota(3, 60.0)
    with anyio.fail_after(20):
        async with (
            Simulator(quota=(3, 60.0)) as opend,
            client_of(opend, quota) as client,
            anyio.create_task_group() as group,
        ):
            await until(lambda: quota.available == 3)
            assert (quota.waiting, quota.rejections, quota.eta(), quota.eta(3)) == (0, 0, 0.0, 0.0)
            await client.capital_distributions(codes(2)).collect()
            await until(lambda: quota.available == 1)  # a server may have to be told first
            assert quota.eta() == 0.0
            assert 55.0 < quota.eta(2) <= 60.1
            assert 115.0 < quota.eta(5) <= 120.2
            await client.capital_distribution("HK.00003")
            call = Call(group, client.capital_distribution, "HK.00004")
            await until(lambda: quota.waiting == 1)
            assert re.match(
                r"<\w*Quota 3 per 60 s: 0 available, 1 waiting, 0 rejections", repr(quota)
            )
            assert quota.limit == 3
            assert quota.period == 60.0
            with pytest.raises(QuotaWaitTooLong) as caught:
                await client.capital_distribution("HK.00005", max_wait=1.0)
            assert caught.value.eta > 50.0
            call.cancel()


async def test_listeners_hear_of_waiting_and_of_its_end(make_quota: Maker) -> None:
    quota = make_quota(1, PERIOD, margin=0.01)
    with anyio.fail_after(20):
        async with (
            Simulator(quota=(1, PERIOD)) as opend,
            client_of(opend, quota) as client,
            anyio.create_task_group() as group,
        ):
            events = client.events()
            await anext(events)  # Connected

            async def ask() -> None:
                for code in codes(60):
                    await client.capital_distribution(code)

            asking = Call(group, ask)
            throttled, resumed = await anext(events), await anext(events)
            while isinstance(throttled, Throttled) and not throttled.eta:
                # The token was back, but a server had to be asked for it.
                throttled, resumed = await anext(events), await anext(events)
            asking.cancel()
    assert isinstance(throttled, Throttled)
    assert (throttled.waiting, throttled.rejected) == (1, False)
    assert 0.0 < throttled.eta < 2 * PERIOD
    assert isinstance(resumed, Unthrottled)


async def test_sweeps_leave_the_reserve_to_calls(make_quota: Maker) -> None:
    quota = make_quota(3, 60.0, reserve=1)
    with anyio.fail_after(20):
        async with (
            Simulator(quota=(3, 60.0)) as opend,
            client_of(opend, quota) as client,
            anyio.create_task_group() as group,
        ):
            sweep = Call(group, client.capital_distributions(codes(9)).collect)
            await until(lambda: opend.largest_window == 2)
            await until(lambda: quota.waiting == 1)
            await client.capital_distribution("HK.00100")
            assert [request.code for request in opend.requests][-1] == "HK.00100"
            sweep.cancel()


async def test_a_refusal_fails_nobody_and_is_counted(make_quota: Maker) -> None:
    """A program that knows nothing of the quota spends from the account as well."""
    quota = make_quota(4, PERIOD, margin=0.01)
    with anyio.fail_after(20):
        async with (
            Simulator(quota=(4, PERIOD)) as opend,
            client_of(opend, Quota(4, PERIOD)) as stranger,
            client_of(opend, quota) as client,
        ):
            while not quota.rejections:
                await stranger.capital_distributions(codes(3, 50)).collect()
                report = await client.capital_distributions(codes(4)).collect()
                assert list(report.values) == codes(4)
                assert not report.errors


async def test_what_a_lost_connection_left_open_stays_counted(
    make_quota: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiocapdist._protocol.backoff.FIRST", 0.01)
    quota = make_quota(3, 1.5, margin=0.01)
    with anyio.fail_after(20):
        async with (
            Simulator(quota=(3, 1.5), latency=0.2) as opend,
            client_of(opend, quota) as client,
            anyio.create_task_group() as group,
        ):
            calls = [Call(group, client.capital_distribution, code) for code in codes(3)]
            await until(lambda: scheduler_of(quota).store.held == 3)
            opend.disconnect_all()
            for call in calls:
                assert (await call.value()).code in codes(3)
    assert opend.largest_window <= 3
    assert quota.rejections == 0


async def test_nothing_is_left_of_it_when_its_client_is_closed(make_quota: Maker) -> None:
    quota = make_quota(2, PERIOD, margin=0.01)
    async with Simulator(quota=(2, PERIOD), latency=(0.0, 0.01)) as opend:
        await anyio.wait_all_tasks_blocked()  # the simulator has begun
        for _ in range(3):
            room = Baseline(opend)
            async with client_of(opend, quota) as client, anyio.create_task_group() as group:
                await client.capital_distribution("HK.00001")
                call = Call(group, client.capital_distributions(codes(9)).collect)
                await until(lambda: quota.waiting == 1)
                call.cancel()
            await room.wait_restored()
            assert quota.waiting == 0
    assert opend.largest_window <= 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit": 0}, "limit must be a whole number"),
        ({"period": 0}, "period must be a positive number"),
        ({"margin": -1}, "margin must be a number of seconds"),
        ({"reserve": 30}, "reserve must lie between 0 and limit - 1"),
    ],
    ids=str,
)
async def test_what_makes_no_quota_is_refused(
    make_quota: Maker, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        make_quota(**options)
