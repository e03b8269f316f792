"""Quota and simulator through hours of virtual time: exact, and close to the ideal time."""

from __future__ import annotations

import anyio
import pytest
import trio

import aiocapdist
from aiocapdist import Client, Quota, QuotaWaitTooLong
from aiocapdist.simulator import Simulator

from ..support.internals import next_token_at
from ..support.waiting import checkpoints

pytestmark = pytest.mark.anyio


def codes(n: int, start: int = 1) -> list[str]:
    return [f"HK.{i:05d}" for i in range(start, start + n)]


async def sweep(client: Client, wanted: list[str]) -> None:
    async for outcome in client.capital_distributions(wanted):
        outcome.unwrap()


def refusals(opend: Simulator) -> int:
    return sum(request.outcome == "refused" for request in opend.requests)


async def test_a_window_includes_both_its_ends() -> None:
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=Quota(1000, 1.0)) as client,
    ):
        await client.capital_distributions(codes(30)).collect()
        await trio.sleep(30.0)
        with anyio.move_on_after(0.5):
            await client.capital_distribution("HK.00700")
        assert refusals(opend) == 1
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=Quota(1000, 1.0)) as client,
    ):
        await client.capital_distributions(codes(30)).collect()
        await trio.sleep(30.001)
        await client.capital_distribution("HK.00700")
        assert refusals(opend) == 0


@pytest.mark.parametrize(
    ("n", "round_trip", "over"),
    [(2000, 0.05, 0.005), (31, 0.005, 0.002), (500, 0.005, 0.002), (500, 0.3, 0.021)],
)
async def test_a_sweep_is_close_to_the_ideal_time(n: int, round_trip: float, over: float) -> None:
    async with (
        Simulator(latency=round_trip) as opend,
        aiocapdist.connect(opend.memory) as client,
    ):
        began = trio.current_time()
        await sweep(client, codes(n))
        took = trio.current_time() - began
        assert refusals(opend) == 0
        assert opend.largest_window == 30
    floor = 30.0 * ((n - 1) // 30) + round_trip
    assert floor <= took <= floor * (1 + over)


async def test_single_calls_and_a_sweep_share_the_quota_exactly() -> None:
    """155 calls, 60 of them single, through 30 per 2 s with replies of 2 to 120 ms."""
    async with (
        Simulator(quota=(30, 2.0), latency=(0.002, 0.12), seed=4) as opend,
        aiocapdist.connect(opend.memory, quota=Quota(30, 2.0)) as client,
    ):
        began = trio.current_time()
        async with anyio.create_task_group() as group:
            group.start_soon(sweep, client, codes(95))
            for code in codes(60, start=1000):
                group.start_soon(client.capital_distribution, code)
        took = trio.current_time() - began
        assert refusals(opend) == 0
        assert opend.largest_window == 30
        assert sum(r.proto_id == 3212 for r in opend.requests) == 155
    windows = (155 - 1) // 30
    ideal = windows * 2.0 + windows * 0.05 + (windows + 1) * 0.12
    assert took <= ideal * 1.03


async def test_a_single_call_waits_for_one_token_not_for_the_sweep() -> None:
    async with (
        Simulator(latency=(0.01, 0.9)) as opend,
        aiocapdist.connect(opend.memory) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(sweep, client, codes(600))
        await trio.sleep(95.0)
        next_token = next_token_at(client.quota)
        await client.capital_distribution("US.AAPL")
        sent = next(r for r in opend.requests if r.code == "US.AAPL")
        assert sent.time <= next_token + 0.9
        group.cancel_scope.cancel()


async def test_a_reserve_is_left_to_single_calls() -> None:
    quota = Quota(30, 30.0, reserve=5)
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=quota) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(sweep, client, codes(100))
        await trio.sleep(1.0)
        assert quota.available == 5
        assert sum(r.proto_id == 3212 for r in opend.requests) == 25
        with anyio.fail_after(0.1):
            await client.capital_distributions([]).collect()
            await client.capital_distribution("HK.00700")
        assert quota.available == 4
        group.cancel_scope.cancel()


async def test_leaving_a_sweep_early_spends_no_further_token() -> None:
    async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
        async for outcome in client.capital_distributions(codes(300)):
            assert outcome.value is not None
            break
        spent = sum(r.proto_id == 3212 for r in opend.requests)
        assert spent == 30
        await checkpoints(3)
        assert client.quota.waiting == 0
        await trio.sleep(1000.0)
        assert sum(r.proto_id == 3212 for r in opend.requests) == spent
        assert client.quota.available == 30


async def test_max_wait_ends_a_wait_for_the_connection_too() -> None:
    """The estimate is infinite while there is no connection, and max_wait still applies."""
    async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
        await opend.memory.aclose()
        opend.disconnect_all()
        await trio.sleep(0.1)
        assert client.status.state == "reconnecting"
        with anyio.fail_after(5.1), pytest.raises(QuotaWaitTooLong) as error:
            await client.capital_distribution("HK.00700", max_wait=5.0)
        assert error.value.eta == float("inf")
        assert str(error.value).startswith(
            "this call waits for the connection to OpenD, but max_wait"
        )
        assert client.quota.waiting == 0


async def test_max_wait_no_longer_applies_once_the_request_is_sent() -> None:
    async with (
        Simulator(latency=3.0) as opend,
        aiocapdist.connect(opend.memory, quota=Quota(1, 30.0)) as client,
    ):
        await client.capital_distribution("HK.00001", max_wait=1.0)
        began = trio.current_time()
        got = await client.capital_distribution("HK.00002", max_wait=31.0)
        assert got.code == "HK.00002"
        assert trio.current_time() - began == pytest.approx(33.05)


async def test_eta_is_the_time_that_it_takes() -> None:
    async with Simulator(latency=0.1) as opend, aiocapdist.connect(opend.memory) as client:
        quota = client.quota
        assert quota.eta() == 0.0
        assert quota.eta(31) == pytest.approx(30.05)
        await client.capital_distributions(codes(30)).collect()
        assert quota.available == 0
        assert quota.eta() == pytest.approx(30.05)
        assert quota.eta(31) == pytest.approx(60.1)
        await trio.sleep(10.0)
        assert quota.eta() == pytest.approx(20.05)


async def test_rejections_never_reach_the_caller() -> None:
    """Another program has spent 20 of the account's 30: all calls are answered all the same."""
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory) as neighbour,
        aiocapdist.connect(opend.memory, quota=Quota(30, 30.0)) as client,
    ):
        await neighbour.capital_distributions(codes(20, start=5000)).collect()
        report = await client.capital_distributions(codes(40)).collect()
        assert not report.errors
        assert len(report.values) == 40
        # Of the first burst of 30, 20 are rejected; after that hardly any.
        assert 20 <= client.quota.rejections == refusals(opend) <= 22
        assert opend.largest_window == 30


async def test_one_quota_serves_several_clients() -> None:
    quota = Quota(30, 30.0)
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=quota) as one,
        aiocapdist.connect(opend.memory, quota=quota) as other,
    ):
        async with anyio.create_task_group() as group:
            group.start_soon(sweep, one, codes(50))
            group.start_soon(sweep, other, codes(50, start=3000))
        assert refusals(opend) == 0
        assert opend.largest_window == 30


async def test_a_quota_works_on_after_its_first_client_is_closed() -> None:
    quota = Quota(5, 30.0)
    async with (
        Simulator(quota=(5, 30.0)) as opend,
        aiocapdist.connect(opend.memory, quota=quota) as stays,
    ):
        async with aiocapdist.connect(opend.memory, quota=quota) as goes:
            await sweep(goes, codes(5))
        await sweep(stays, codes(10, start=100))
        assert refusals(opend) == 0


async def test_a_disconnected_client_does_not_delay_others() -> None:
    quota = Quota(3, 30.0)
    async with (
        Simulator() as away,
        Simulator() as here,
        aiocapdist.connect(away.memory, quota=quota) as lost,
        aiocapdist.connect(here.memory, quota=quota) as client,
        anyio.create_task_group() as group,
    ):
        await away.memory.aclose()
        away.disconnect_all()
        await trio.sleep(0.1)
        group.start_soon(lost.capital_distribution, "HK.00001")
        await trio.sleep(0.1)
        with anyio.fail_after(35):
            await sweep(client, codes(4))
        group.cancel_scope.cancel()
