"""Several gateways on virtual time: how long calls take, and which gateway answers."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest
import trio

from aiocapdist import Outcome, Quota, QuotaWaitTooLong

from ..support.gateway_group import count_by_gateway, gateway_group, simulators, sweep_outcomes
from ..support.internals import leftovers_in_group
from ..support.transports import asked_codes
from ..support.waiting import Call, until
from .event_log import codes, now

pytestmark = pytest.mark.anyio


async def test_two_accounts_take_half_the_windows_of_one() -> None:
    async with gateway_group(*simulators(), memory=True) as (clients, gateways):
        began = now()
        outcomes = await sweep_outcomes(clients, codes(120))
        assert now() - began == pytest.approx(30.05 + 2 * 0.05)
        assert {outcome.code for outcome in outcomes} == set(codes(120))
        assert len(outcomes) == 120
        shares = count_by_gateway(outcomes, gateways)
        assert sorted(shares.values()) == [60, 60]
        for opend in gateways.values():
            assert opend.largest_window == 30
            assert len(asked_codes(opend)) == 60
        assert clients.quota.rejections == 0


async def test_a_sweep_uses_the_gateway_that_has_tokens() -> None:
    """One account has 5 tokens a period and one 30: no code waits for the smaller one."""
    async with gateway_group(*simulators(), memory=True, quota=[Quota(5), Quota(30)]) as (
        clients,
        gateways,
    ):
        began = now()
        outcomes = await sweep_outcomes(clients, codes(105))
        assert now() - began == pytest.approx(2 * (30.05 + 0.05) + 0.05)
        assert [*count_by_gateway(outcomes, gateways).values()] in ([15, 90], [90, 15])


async def test_two_gateways_can_share_one_quota() -> None:
    quota = Quota()
    async with gateway_group(*simulators(quota=None), memory=True, quota=quota) as (
        clients,
        gateways,
    ):
        began = now()
        async with anyio.create_task_group() as group:
            call = Call(group, sweep_outcomes, clients, codes(60))
            for code in codes(60, start=5000):
                group.start_soon(clients.capital_distribution, code)
            await until(lambda: clients.quota.waiting)
            assert clients.quota.waiting == quota.waiting, "queued once, not twice"
            assert clients.quota.available == 0
        assert now() - began == pytest.approx(3 * (30.05 + 0.05) + 0.05)
        count_by_gateway(await call.value(), gateways)
        times = sorted(
            request.time
            for opend in gateways.values()
            for request in opend.requests
            if request.proto_id == 3212
        )
        assert len(times) == 120
        assert all(later - first > 30.0 for first, later in zip(times, times[30:], strict=False))
        # Of the gateways that have a token, the less loaded one takes each call.
        assert {len(asked_codes(opend)) for opend in gateways.values()} == {60}
        await trio.sleep(31.0)
        assert quota.available == clients.quota.available == 30


async def test_single_calls_go_to_the_less_loaded_gateway() -> None:
    async with (
        gateway_group(*simulators(), memory=True) as (clients, gateways),
        anyio.create_task_group() as group,
    ):
        for code in codes(10):
            group.start_soon(clients.capital_distribution, code)
        await trio.sleep(0.1)
        assert [len(asked_codes(opend)) for opend in gateways.values()] == [5, 5]
        for code in codes(4, start=50):
            await clients.capital_distribution(code)
        assert [len(asked_codes(opend)) for opend in gateways.values()] == [7, 7]


async def test_a_single_call_goes_to_the_gateway_that_has_a_token_first() -> None:
    async with gateway_group(
        *simulators(), memory=True, quota=[Quota(1, 50.0), Quota(1, 20.0)]
    ) as (
        clients,
        gateways,
    ):
        slow, quick = gateways
        await sweep_outcomes(clients, codes(2))
        began = now()
        assert clients.quota.eta() == pytest.approx(20.05)
        await clients.capital_distribution("HK.00700")
        assert now() - began == pytest.approx(20.05 + 0.05)
        assert clients.answered_by("HK.00700") == quick
        assert "HK.00700" not in asked_codes(gateways[slow])
        assert clients.answered_by("HK.00005") is None


async def test_eta_counts_the_tokens_of_all_gateways() -> None:
    quotas = [Quota(2, 30.0), Quota(3, 60.0)]
    async with gateway_group(*simulators(), memory=True, quota=quotas) as (clients, _):
        quota = clients.quota
        assert quota.available == 5
        assert [quota.eta(n) for n in (1, 5)] == [0.0, 0.0]
        await sweep_outcomes(clients, codes(5))
        told = [quota.eta(n) for n in (1, 2, 3, 4, 5, 6, 7)]
        assert told == pytest.approx([30.05, 30.05, 60.05, 60.05, 60.05, 60.1, 60.1], abs=0.06)
        with pytest.raises(ValueError, match="at least 1, not 0"):
            quota.eta(0)
        assert repr(quota) == "<GroupQuota of 2: 0 available, 0 waiting, 0 rejections>"


@pytest.mark.parametrize("ahead", [0, 1, 4, 25])
async def test_max_wait_considers_the_tokens_of_all_gateways(ahead: int) -> None:
    async with (
        gateway_group(*simulators(), memory=True, quota=[Quota(2), Quota(2)]) as (clients, _),
        anyio.create_task_group() as group,
    ):
        await sweep_outcomes(clients, codes(4))
        for code in codes(ahead, start=100):
            group.start_soon(clients.capital_distribution, code)
        await until(lambda: clients.quota.waiting == ahead)
        wait = 30.1 * (1 + ahead // 4)
        with pytest.raises(QuotaWaitTooLong) as error:
            await clients.capital_distribution("HK.00700", max_wait=wait - 1.0)
        assert error.value.eta == pytest.approx(wait, rel=0.02)
        began = now()
        await clients.capital_distribution("HK.00700", max_wait=wait + 1.0)
        assert now() - began == pytest.approx(wait, rel=0.02)


async def test_a_generator_is_read_as_tokens_come() -> None:
    drawn: list[str] = []

    def wanted() -> Iterator[str]:
        for code in codes(100):
            drawn.append(code)
            yield code

    async with gateway_group(*simulators(), memory=True) as (clients, gateways):
        outcomes: list[Outcome] = []
        async for outcome in clients.capital_distributions(wanted()):
            outcomes.append(outcome)
            if len(outcomes) == 60:
                assert len(drawn) == 61, "as many as there are tokens, and one in advance"
        assert sorted(outcome.code for outcome in outcomes) == codes(100)
        count_by_gateway(outcomes, gateways)


async def test_a_generator_may_begin_another_sweep() -> None:
    """While a code is read for one quota's token, another quota grants its own."""
    async with gateway_group(*simulators(), memory=True) as (clients, _):
        begun: list[object] = []

        def wanted() -> Iterator[str]:
            for n, code in enumerate(codes(80)):
                if n % 7 == 3:
                    begun.append(aiter(clients.capital_distributions([f"US.{n}"])))
                yield code

        got = [outcome.code async for outcome in clients.capital_distributions(wanted())]
        assert sorted(got) == codes(80)


async def test_leaving_a_sweep_spends_no_further_token_of_any_gateway() -> None:
    async with gateway_group(*simulators(), memory=True) as (clients, gateways):
        async for _ in clients.capital_distributions(codes(300)):
            break
        await trio.sleep(1000.0)
        assert sum(len(asked_codes(opend)) for opend in gateways.values()) == 60
        assert clients.quota.available == 60
        assert leftovers_in_group(clients) == {}


async def test_a_reserve_is_left_to_single_calls() -> None:
    quotas = [Quota(30, reserve=5), Quota(30, reserve=5)]
    async with (
        gateway_group(*simulators(), memory=True, quota=quotas) as (clients, _),
        anyio.create_task_group() as group,
    ):
        sweep = Call(group, sweep_outcomes, clients, codes(100))
        await trio.sleep(1.0)
        assert clients.quota.available == 10
        with anyio.fail_after(0.1):
            await clients.capital_distribution("HK.00700")
        sweep.cancel()
