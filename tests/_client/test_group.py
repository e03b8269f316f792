"""Several gateways as one client: the calls of a client, and who answered them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import anyio
import pytest

import aiocapdist
from aiocapdist import (
    CapitalDistribution,
    ClientClosed,
    Connected,
    Disconnected,
    InvalidCode,
    Outcome,
    Quota,
    SecurityFirm,
    Throttled,
    UnknownSecurity,
)
from aiocapdist._pb import capital_distribution_pb2
from aiocapdist.simulator import Simulator

from ..support import custom_call
from ..support.gateway_group import count_by_gateway, gateway_group, sweep_outcomes
from ..support.internals import leftovers_in_group, users
from ..support.scripted_server import ScriptedServer, figures_reply
from ..support.transports import asked_codes
from ..support.waiting import Call, until

pytestmark = pytest.mark.anyio


def codes(n: int, start: int = 1) -> list[str]:
    return [f"HK.{i:05d}" for i in range(start, start + n)]


def wide() -> Quota:
    return Quota(100_000, 1.0)


async def test_each_call_is_answered_by_one_of_them() -> None:
    own = {custom_call.PROTO_ID: custom_call.double}
    with anyio.fail_after(5):
        async with gateway_group(*(Simulator(answers=own) for _ in range(2))) as (
            clients,
            gateways,
        ):
            await until(lambda: clients.quota.available == 60)
            assert list(clients.status) == list(clients.clients) == list(gateways)
            assert [*gateways] == [f"tcp://127.0.0.1:{opend.port}" for opend in gateways.values()]
            got = await clients.capital_distribution("HK.00700")
            assert isinstance(got, CapitalDistribution)
            by = clients.answered_by("HK.00700")
            assert by is not None
            assert asked_codes(gateways[by]) == ["HK.00700"]
            assert (await clients.global_state()).quote_logged_in
            reply = await clients.request(
                custom_call.PROTO_ID,
                custom_call.request_message(4),
                type(custom_call.reply_message(0)),
            )
            assert reply == custom_call.reply_message(8)
            shown = ", ".join(f"{name} ready" for name in gateways)
            assert repr(clients) == f"<ClientGroup of {shown}>"
            for name, client in clients.clients.items():
                await client.capital_distribution("US.AAPL")
                assert asked_codes(gateways[name])[-1] == "US.AAPL"
        assert [status.state for status in clients.status.values()] == ["closed", "closed"]


async def test_what_is_looked_at_cannot_be_set_and_stays_the_same() -> None:
    async with gateway_group(Simulator()) as (clients, _):
        for name in ("clients", "status", "quota", "flow_quota"):
            with pytest.raises(AttributeError):
                setattr(clients, name, None)
        assert clients.quota is clients.quota
        assert clients.flow_quota is clients.flow_quota
        assert [*clients.clients.values()] == [*clients.clients.values()]


async def test_a_sweep_over_two_accounts_goes_over_both() -> None:
    with anyio.fail_after(10):
        async with gateway_group(
            *(Simulator(quota=(30, 1.0)) for _ in range(2)), quota=[Quota(30, 1.0), Quota(30, 1.0)]
        ) as (clients, gateways):
            wanted = [*codes(118), "HK.99999", "no code", "HK.00001"]
            outcomes = await sweep_outcomes(clients, wanted)
            assert Counter(o.code for o in outcomes) == Counter(wanted)
            by_code = {outcome.code: outcome for outcome in outcomes}
            invalid = by_code.pop("no code")
            assert isinstance(invalid.error, InvalidCode)
            assert invalid.gateway is None
            assert isinstance(by_code["HK.99999"].error, UnknownSecurity)
            shares = count_by_gateway(list(by_code.values()), gateways)
            assert min(shares.values()) >= 30
            sent = [code for opend in gateways.values() for code in asked_codes(opend)]
            assert len(sent) == 119, "what is given twice costs one request"
            assert max(opend.largest_window for opend in gateways.values()) <= 30
            assert clients.quota.rejections == 0
            assert leftovers_in_group(clients) == {}


@pytest.mark.parametrize("after", [0, 1, 13, 30, 59])
async def test_one_is_killed_in_the_middle_and_all_are_answered(after: int) -> None:
    with anyio.fail_after(20):
        async with gateway_group(
            *(Simulator(quota=(30, 0.5), latency=(0.0, 0.02)) for _ in range(2)),
            quota=[Quota(30, 0.5), Quota(30, 0.5)],
        ) as (clients, gateways):
            killed = next(iter(gateways.values()))
            outcomes: list[Outcome] = []
            async for outcome in clients.capital_distributions(codes(120)):
                if len(outcomes) == after:
                    await killed.go_away()
                outcomes.append(outcome)
            assert sorted(outcome.code for outcome in outcomes) == codes(120)
            assert all(outcome.value for outcome in outcomes)
            count_by_gateway(outcomes, gateways)
            assert max(opend.largest_window for opend in gateways.values()) <= 30


async def test_equal_questions_cost_one_request_over_all() -> None:
    with anyio.fail_after(5):
        async with (
            gateway_group(*(Simulator(latency=0.05) for _ in range(2))) as (clients, gateways),
            anyio.create_task_group() as group,
        ):
            calls = [Call(group, clients.capital_distribution, "HK.00700") for _ in range(5)]
            calls.append(Call(group, clients.capital_distributions(["HK.00700"]).collect))
            for call in calls:
                await call.end()
            sent = [code for opend in gateways.values() for code in asked_codes(opend)]
            assert sent == ["HK.00700"]


async def test_max_age_serves_answers_from_any_and_says_whose_they_were() -> None:
    with anyio.fail_after(5):
        async with gateway_group(*(Simulator() for _ in range(2))) as (clients, gateways):
            await until(lambda: clients.quota.available == 60)
            first = await sweep_outcomes(clients, codes(40))
            again = [o async for o in clients.capital_distributions(codes(40), max_age=60)]
            assert {(o.code, o.gateway) for o in again} == {(o.code, o.gateway) for o in first}
            assert len({outcome.gateway for outcome in again}) == 2
            assert sum(len(asked_codes(opend)) for opend in gateways.values()) == 40
            await clients.capital_distribution("HK.00001", max_age=60)
            assert sum(len(asked_codes(opend)) for opend in gateways.values()) == 40


async def test_from_a_generator_a_repeat_costs_nothing_either() -> None:
    def wanted() -> Iterator[str]:
        yield from codes(500)
        yield from codes(500)

    with anyio.fail_after(10):
        async with gateway_group(
            *(Simulator(quota=None) for _ in range(2)), quota=[wide(), wide()]
        ) as (
            clients,
            gateways,
        ):
            got = Counter([o.code async for o in clients.capital_distributions(wanted())])
            assert got == Counter(codes(500) * 2)
            assert sum(len(asked_codes(opend)) for opend in gateways.values()) == 500


async def test_a_code_that_its_reader_asks_for_at_once_is_that_readers_alone() -> None:
    """What another caller joined goes on when the sweep is left."""
    with anyio.fail_after(5):
        async with (
            gateway_group(*(Simulator(latency=0.05) for _ in range(2))) as (clients, gateways),
            anyio.create_task_group() as group,
        ):
            reader = aiter(clients.capital_distributions(codes(4)))
            call = Call(group, clients.capital_distribution, "HK.00001")
            await until(lambda: clients._single_flight.pending["HK.00001"].waiters)
            await reader.aclose()
            for opend in gateways.values():
                opend.disconnect_all()
            assert (await call.value()).code == "HK.00001"
            assert leftovers_in_group(clients) == {}


async def test_each_event_says_which_gateway_it_is_about() -> None:
    with anyio.fail_after(5):
        async with (
            gateway_group(*(Simulator() for _ in range(2)), quota=[Quota(1), Quota(1)]) as (
                clients,
                gateways,
            ),
            anyio.create_task_group() as group,
        ):
            one, other = gateways
            await until(lambda: clients.quota.available == 2)
            events = clients.events()
            told = [await anext(events), await anext(events)]
            assert [(type(event), event.gateway) for event in told] == [
                (Connected, one),
                (Connected, other),
            ]
            assert repr(told[0]).startswith(f"Connected(gateway='{one}', conn_id=1, ")
            await sweep_outcomes(clients, codes(2))
            call = Call(group, clients.capital_distribution, "HK.00700")
            throttled: set[str | None] = set()
            while throttled != {one, other}:
                if isinstance(event := await anext(events), Throttled):
                    throttled.add(event.gateway)
            gateways[other].disconnect_all()
            event = await anext(events)
            while not isinstance(event, Disconnected):
                event = await anext(events)
            assert event.gateway == other
            call.cancel()
        assert all([event.gateway is not None async for event in events]), "to the end"
        assert [event async for event in clients.events()] == []


async def test_a_single_clients_events_and_outcomes_name_no_gateway() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            event = await anext(client.events())
            assert event.gateway is None
            assert repr(event).startswith("Connected(conn_id=")
            outcomes = [o async for o in client.capital_distributions(["HK.00700"], max_age=60)]
            outcomes += [o async for o in client.capital_distributions(["HK.00700"], max_age=60)]
            assert [outcome.gateway for outcome in outcomes] == [None, None]


async def test_two_ways_to_one_opend_have_names_of_their_own() -> None:
    quota = Quota()
    with anyio.fail_after(5):
        async with Simulator() as opend:
            connects = [aiocapdist.connect(port=opend.port, quota=quota) for _ in range(3)]
            async with aiocapdist.connect_many(connects) as clients:
                name = f"tcp://127.0.0.1:{opend.port}"
                assert list(clients.clients) == [name, f"{name}#2", f"{name}#3"]
                assert clients.quota.available == 30
                report = await clients.capital_distributions(codes(30)).collect()
                assert list(report.values) == codes(30)
                assert quota.available == 0


async def test_each_gateway_is_asked_in_the_name_of_its_own_firm() -> None:
    firms = [SecurityFirm.FUTUSECURITIES, SecurityFirm.FUTUSG]
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as one,
            ScriptedServer() as other,
            anyio.create_task_group() as group,
        ):
            connects = [
                server.connect(security_firm=firm)
                for server, firm in zip((one, other), firms, strict=True)
            ]
            async with aiocapdist.connect_many(connects) as clients:
                await until(lambda: clients.quota.available == 60)
                calls = [Call(group, clients.capital_distribution, code) for code in codes(2)]
                for server, firm in zip((one, other), firms, strict=True):
                    peer = await server.accept()
                    frame = await peer.next()
                    asked = capital_distribution_pb2.Request.FromString(frame.body)
                    assert asked.c2s.header.securityFirm == firm
                    await peer.reply(frame, figures_reply())
                for call in calls:
                    await call.value()


async def test_a_quota_of_the_users_own_governs_a_call_at_all_gateways() -> None:
    own = {custom_call.PROTO_ID: custom_call.double}
    quota = Quota(1, 60.0)
    with anyio.fail_after(5):
        async with (
            gateway_group(*(Simulator(answers=own) for _ in range(2))) as (clients, _),
            anyio.create_task_group() as group,
        ):
            options = {"quota": quota, "idempotent": True}
            ask = (
                custom_call.PROTO_ID,
                custom_call.request_message(1),
                type(custom_call.reply_message(0)),
            )
            await clients.request(*ask, **options)  # type: ignore[arg-type]
            waits = Call(group, clients.request, *ask, **options)
            await until(lambda: quota.waiting == 1)
            assert clients.quota.waiting == 0
            waits.cancel()
        assert users(quota) == 0


async def test_an_accounts_quota_is_good_at_its_own_gateway_alone() -> None:
    own = {custom_call.PROTO_ID: custom_call.double}
    quotas = [Quota(5, 60.0), Quota(5, 60.0)]
    with anyio.fail_after(5):
        async with gateway_group(*(Simulator(answers=own) for _ in range(2)), quota=quotas) as (
            clients,
            gateways,
        ):
            await until(lambda: clients.quota.available == 10)
            for _ in range(5):
                await clients.request(
                    custom_call.PROTO_ID,
                    custom_call.request_message(1),
                    type(custom_call.reply_message(0)),
                    quota=quotas[1],
                )
            counts = [
                sum(request.proto_id == custom_call.PROTO_ID for request in opend.requests)
                for opend in gateways.values()
            ]
            assert counts == [0, 5]


async def test_a_client_of_the_group_that_is_closed_leaves_its_work_to_the_others() -> None:
    with anyio.fail_after(5):
        async with (
            gateway_group(Simulator(latency=60.0), Simulator(latency=0.05)) as (clients, _),
            anyio.create_task_group() as group,
        ):
            await until(lambda: clients.quota.available == 60)
            closed, stays = clients.clients
            sweep = Call(group, sweep_outcomes, clients, codes(20))
            await until(lambda: clients.quota.available == 40)
            await clients.clients[closed].aclose()
            outcomes = await sweep.value()
            assert {outcome.gateway for outcome in outcomes if outcome.value} == {stays}
            assert len(outcomes) == 20
            await clients.clients[stays].aclose()
            with pytest.raises(ClientClosed):
                await clients.capital_distribution("HK.00700")
            await clients.aclose()
