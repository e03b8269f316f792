"""Gateways that fail, one of several or all, on virtual time: which gateway answers."""

from __future__ import annotations

import anyio
import pytest
import trio

import aiocapdist
from aiocapdist import (
    BackendError,
    Outcome,
    Quota,
    RequestTimeout,
    UnknownSecurity,
)
from aiocapdist.simulator import Fault, Faults, Simulator

from ..support.gateway_group import count_by_gateway, gateway_group, simulators, sweep_outcomes
from ..support.internals import leftovers_in_group, tokens
from ..support.transports import asked_codes
from ..support.waiting import Call, until
from .event_log import codes, now

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("after", [0, 1, 20, 31, 59, 60, 61, 90, 119])
@pytest.mark.parametrize("which", [0, 1])
async def test_if_one_gateway_dies_the_other_answers_all_codes(after: int, which: int) -> None:
    async with gateway_group(*simulators(), memory=True) as (clients, gateways):
        killed, stays = list(gateways)[which], list(gateways)[1 - which]
        outcomes: list[Outcome] = []
        sweep = clients.capital_distributions(codes(120))
        if not after:
            await gateways[killed].go_away()
        async for outcome in sweep:
            outcomes.append(outcome)
            if len(outcomes) == after:
                await gateways[killed].go_away()
        assert sorted(outcome.code for outcome in outcomes) == codes(120)
        assert all(outcome.value is not None for outcome in outcomes)
        count_by_gateway(outcomes, gateways)
        assert max(opend.largest_window for opend in gateways.values()) <= 30
        assert clients.status[stays].state == "ready"
        # Requests in flight there are sent first by the other: none comes later than its turn.
        lost = set(map(str, asked_codes(gateways[killed]))) & set(
            map(str, asked_codes(gateways[stays]))
        )
        assert lost == {o.code for o in outcomes if o.gateway == stays} & lost
        await trio.sleep(40.0)
        assert clients.quota.available == 30
        assert leftovers_in_group(clients) == {}


@pytest.mark.parametrize("at", [0.0, 0.01, 0.025, 0.049, 0.051, 15.0, 30.07, 30.11])
async def test_requests_in_flight_at_a_killed_gateway_go_to_the_other(at: float) -> None:
    async with gateway_group(*simulators(), memory=True) as (clients, gateways):
        one, other = gateways.values()
        async with anyio.create_task_group() as group:
            call = Call(group, sweep_outcomes, clients, codes(120))
            await trio.sleep(at)
            await one.go_away()
            outcomes = await call.value()
        assert sorted(outcome.code for outcome in outcomes) == codes(120)
        assert all(outcome.value is not None for outcome in outcomes)
        count_by_gateway(outcomes, gateways)
        assert max(one.largest_window, other.largest_window) <= 30
        assert leftovers_in_group(clients) == {}


async def test_lost_requests_are_sent_again_first_and_in_order() -> None:
    async with gateway_group(*simulators(), memory=True, quota=[Quota(3), Quota(3)]) as (
        clients,
        gateways,
    ):
        one, other = gateways.values()
        async with anyio.create_task_group() as group:
            call = Call(group, sweep_outcomes, clients, codes(12))
            await trio.sleep(0.01)
            await one.go_away()
            await call.end()
        went = list(
            map(str, asked_codes(other))
        )  # requests that are sent together arrive in any order
        batches = [sorted(went[n : n + 3]) for n in range(0, 12, 3)]
        assert batches == [codes(3, start=first) for first in (4, 1, 7, 10)]


async def test_a_call_without_reply_goes_to_the_other_gateway() -> None:
    """The gateway that hangs has tokens left, but is not asked the same again."""
    hangs = Simulator(faults=Faults({Fault.DROP: 1.0}))
    async with gateway_group(hangs, *simulators(1), memory=True) as (clients, gateways):
        hanging, good = gateways
        began = now()
        assert (await clients.capital_distribution("HK.00001")).code == "HK.00001"
        assert now() - began == pytest.approx(10.0 + 0.05)
        assert asked_codes(gateways[hanging]) == asked_codes(gateways[good]) == ["HK.00001"]
        outcomes = await sweep_outcomes(clients, codes(60, start=2))
        assert {outcome.gateway for outcome in outcomes} == {good}
        assert all(outcome.value for outcome in outcomes)


async def test_a_late_reply_settles_the_token_of_the_gateway_that_was_asked() -> None:
    slow = Simulator(faults=Faults(script=[Fault.DELAY], delay=(15.0, 15.0)))
    quotas = [Quota(2, 60.0), Quota(2, 60.0)]
    async with gateway_group(slow, *simulators(1), memory=True, quota=quotas) as (clients, _):
        await clients.capital_distribution("HK.00001")  # after 10 s, at the other gateway
        assert [tokens(quota) for quota in quotas] == [(1, 1, 0), (1, 0, 1)]
        await trio.sleep(6.0)
        assert [tokens(quota) for quota in quotas] == [(1, 0, 1), (1, 0, 1)]
        await trio.sleep(70.0)
        assert [quota.available for quota in quotas] == [2, 2]


async def test_a_cancelled_call_that_is_lost_costs_a_token_of_the_quota_it_was_sent_under() -> None:
    slow = Simulator(faults=Faults(script=[Fault.DELAY], delay=(15.0, 15.0)))
    quotas = [Quota(2, 60.0), Quota(2, 60.0)]
    async with gateway_group(slow, *simulators(1), memory=True, quota=quotas) as (clients, _):
        await clients.capital_distribution("HK.00001")
        assert tokens(quotas[0]) == (1, 1, 0)
        slow.disconnect_all()
        await trio.sleep(1.0)
        assert [tokens(quota) for quota in quotas] == [(1, 0, 1), (1, 0, 1)]


async def test_a_backend_error_is_retried_at_the_other_gateway_and_other_errors_are_final() -> None:
    fails = Simulator(faults=Faults({Fault.GATEWAY_ERROR: 1.0}))
    async with gateway_group(fails, *simulators(1), memory=True) as (clients, gateways):
        failing, good = gateways
        outcomes = await sweep_outcomes(clients, [*codes(60), "HK.99999"])
        by_code = {outcome.code: outcome for outcome in outcomes}
        assert isinstance(by_code.pop("HK.99999").error, UnknownSecurity)
        assert {outcome.gateway for outcome in by_code.values()} == {good}
        assert all(outcome.value for outcome in by_code.values())
        assert max(asked_codes(gateways[failing]).count(code) for code in codes(60)) == 1
        assert asked_codes(gateways[good]).count("HK.99999") <= 1


@pytest.mark.parametrize("attempts", [1, 2, 3])
async def test_attempts_count_over_all_gateways(attempts: int) -> None:
    both = [Simulator(faults=Faults({Fault.GATEWAY_ERROR: 1.0})) for _ in range(2)]
    async with gateway_group(*both, memory=True, attempts=[1, attempts]) as (clients, gateways):
        with pytest.raises(BackendError):
            await clients.capital_distribution("HK.00001")
        counts = sorted(len(asked_codes(opend)) for opend in gateways.values())
        assert counts == [attempts // 2, (attempts + 1) // 2], "each time at another gateway"


async def test_the_only_connected_gateway_is_asked_again() -> None:
    flaky = Simulator(faults=Faults(script=[Fault.GATEWAY_ERROR, Fault.DROP]))
    async with gateway_group(flaky, *simulators(1), memory=True) as (clients, gateways):
        _, other = gateways
        await gateways[other].go_away()
        await until(lambda: clients.status[other].state == "reconnecting")
        assert (await clients.capital_distribution("HK.00001")).code == "HK.00001"
        assert len(asked_codes(flaky)) == 3


async def test_an_error_of_the_last_attempt_names_its_gateway() -> None:
    both = [Simulator(faults=Faults({Fault.DROP: 1.0})) for _ in range(2)]
    async with gateway_group(*both, memory=True, attempts=1) as (clients, gateways):
        outcomes = await sweep_outcomes(clients, codes(40))
        assert all(isinstance(outcome.error, RequestTimeout) for outcome in outcomes)
        for outcome in outcomes:
            assert outcome.gateway is not None
            assert outcome.code in asked_codes(gateways[outcome.gateway])


async def test_a_rejected_call_goes_to_a_gateway_that_has_a_token() -> None:
    async with gateway_group(*simulators(), memory=True) as (clients, gateways):
        spent, free = gateways
        async with anyio.create_task_group() as group:
            async with aiocapdist.connect(gateways[spent].memory, quota=Quota()) as neighbour:
                await neighbour.capital_distributions(codes(30, start=7000)).collect()
            began = now()
            for code in codes(20):
                group.start_soon(clients.capital_distribution, code)
        assert now() - began < 1.0
        assert clients.quota.rejections == 10
        assert set(codes(20)) <= set(map(str, asked_codes(gateways[free])))


@pytest.mark.parametrize("how", ["lost", "refused"])
async def test_a_lost_or_rejected_call_may_use_the_same_gateway_again(how: str) -> None:
    """The other gateway has no token for half a minute; this one has one much sooner."""
    faults = Faults(script=[Fault.REFUSE] if how == "refused" else [Fault.CLOSE])
    one, other = Simulator(faults=faults, latency=0.05), Simulator(latency=0.05)
    async with gateway_group(one, other, memory=True, quota=[Quota(5), Quota(1)]) as (
        clients,
        gateways,
    ):
        await clients.clients[list(gateways)[1]].capital_distribution("HK.00001")
        began = now()
        assert (await clients.capital_distribution("HK.00700")).code == "HK.00700"
        assert now() - began < 5.0
        assert len(asked_codes(one)) == 2
