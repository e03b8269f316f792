"""Gateways that go away for good, or all at once, on virtual time: how calls end."""

from __future__ import annotations

import anyio
import pytest
import trio
from anyio.abc import ByteStream

import aiocapdist
from aiocapdist import ClientClosed, ConnectionLost, Quota, QuotaWaitTooLong
from aiocapdist.simulator import Simulator

from ..support.gateway_group import count_by_gateway, gateway_group, simulators, sweep_outcomes
from ..support.internals import begin_to_close, offer_one_more_token
from ..support.transports import asked_codes
from ..support.waiting import Call, until
from .event_log import codes, now

pytestmark = pytest.mark.anyio


async def test_while_all_gateways_are_away_calls_wait_for_the_first_to_come_back() -> None:
    async with (
        gateway_group(*simulators(), memory=True, reconnect_timeout=None) as (clients, gateways),
        anyio.create_task_group() as group,
    ):
        one, other = gateways.values()
        sweep = Call(group, sweep_outcomes, clients, codes(90))
        await trio.sleep(0.01)
        await one.go_away()
        await other.go_away()
        single = Call(group, clients.capital_distribution, "US.AAPL")
        state = Call(group, clients.global_state)
        await trio.sleep(100.0)
        assert not sweep.ended
        assert clients.quota.available == clients.quota.waiting == 0
        assert clients.quota.eta() == float("inf")
        with pytest.raises(QuotaWaitTooLong, match="waits for the connection"):
            await clients.capital_distribution("HK.00700", max_wait=5.0)
        await other.come_back()
        await single.end()
        assert (await single.value()).code == "US.AAPL"
        assert (await state.value()).quote_logged_in
        outcomes = await sweep.value()
        assert sorted(outcome.code for outcome in outcomes) == codes(90)
        assert all(outcome.value for outcome in outcomes)
        count_by_gateway(outcomes, gateways)


async def test_without_reconnecting_the_last_loss_ends_all_calls() -> None:
    async with (
        gateway_group(*simulators(), memory=True, reconnect=False) as (clients, gateways),
        anyio.create_task_group() as group,
    ):
        one, other = gateways
        sweep = Call(group, sweep_outcomes, clients, codes(120))
        await trio.sleep(1.0)
        gateways[one].disconnect_all()
        await until(lambda: clients.status[one].state == "closed")
        assert not sweep.ended
        single = Call(group, clients.capital_distribution, "US.AAPL")
        await trio.sleep(1.0)
        gateways[other].disconnect_all()
        assert isinstance(await single.error(), ConnectionLost)
        outcomes = await sweep.value()
        assert len(outcomes) == 120
        errors = [outcome.error for outcome in outcomes if outcome.error]
        assert len(errors) == 60
        assert {type(error) for error in errors} == {ConnectionLost}
        with pytest.raises(ConnectionLost):
            await clients.capital_distribution("US.AAPL")
        assert clients.quota.waiting == 0
        assert [state.state for state in clients.status.values()] == ["closed", "closed"]


async def test_a_token_granted_while_one_client_closes_is_used_by_the_other() -> None:
    async with (
        gateway_group(*simulators(), memory=True, quota=[Quota(1), Quota(1)]) as (
            clients,
            gateways,
        ),
        anyio.create_task_group() as group,
    ):
        closing, stays = (clients.clients[name] for name in gateways)
        await sweep_outcomes(clients, codes(2))
        sweep = Call(group, sweep_outcomes, clients, codes(2, start=50))
        await until(lambda: clients.quota.waiting == 1)
        begin_to_close(closing)
        offer_one_more_token(closing.quota)
        outcomes = await sweep.value()
        assert all(outcome.value for outcome in outcomes)
        assert set(codes(2, start=50)) <= set(map(str, asked_codes(gateways[list(gateways)[1]])))
        assert stays.status.state == "ready"


async def test_calls_end_with_the_error_of_the_last_gateway() -> None:
    async with gateway_group(*simulators(), memory=True, reconnect=False) as (clients, gateways):
        one, _ = gateways
        gateways[one].disconnect_all()
        await trio.sleep(1.0)
        await clients.aclose()
        with pytest.raises(ClientClosed):
            await clients.capital_distribution("HK.00700")


class LateRefusal:
    """An opener that is refused after five seconds."""

    async def open(self) -> ByteStream:
        await trio.sleep(5.0)
        raise ConnectionRefusedError


async def test_a_gateway_that_was_never_connected_does_not_decide_the_error() -> None:
    with anyio.fail_after(100.0):
        async with Simulator() as opend:
            connects = [
                aiocapdist.connect(opener, reconnect=False)
                for opener in (opend.memory, LateRefusal())
            ]
            async with aiocapdist.connect_many(connects) as clients:
                opend.disconnect_all()
                await trio.sleep(1.0)
                assert [s.state for s in clients.status.values()] == ["closed", "connecting"]
                began = now()
                with pytest.raises(ConnectionLost):
                    await clients.capital_distribution("HK.00700")
                assert now() - began == pytest.approx(4.0)
