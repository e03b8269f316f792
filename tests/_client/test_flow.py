"""``client.capital_flow``: rows over time, joined where equal, with a quota of its own."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import (
    CapitalFlow,
    ClientClosed,
    FileQuota,
    InvalidCode,
    Period,
    Quota,
    QuotaWaitTooLong,
    RequestTimeout,
    SecurityFirm,
    UnknownSecurity,
    UnsupportedSecurity,
)
from aiocapdist._pb import capital_flow_pb2
from aiocapdist.simulator import Fault, Faults, Simulator

from ..support.gateway_group import gateway_group
from ..support.internals import leftovers_in_client, leftovers_in_group
from ..support.scripted_server import ScriptedServer
from ..support.transports import TRANSPORTS, Transport, fixed_simulator
from ..support.waiting import Call, until

pytestmark = pytest.mark.anyio


def asked(opend: Simulator) -> list[str | None]:
    """The codes of the capital flow requests, in order."""
    return [request.code for request in opend.requests if request.proto_id == 3211]


def flow_reply(amount: float = 1.5) -> capital_flow_pb2.Response:
    """A reply with one row."""
    items = [capital_flow_pb2.CapitalFlowItem(inFlow=amount, time="2024-01-02 09:31:00")]
    s2c = capital_flow_pb2.S2C(flowItemList=items)
    return capital_flow_pb2.Response(retType=0, retMsg="", errCode=0, s2c=s2c)


@pytest.mark.parametrize("transport", TRANSPORTS, ids=str)
async def test_the_last_intraday_row_is_the_net_of_the_distribution(transport: Transport) -> None:
    with anyio.fail_after(10):
        async with fixed_simulator(transport) as opend, transport.connect(opend) as client:
            flow = await client.capital_flow("HK.00700")
            figures = await client.capital_distribution("HK.00700")
    assert type(flow) is CapitalFlow
    assert (flow.code, flow.period) == ("HK.00700", Period.INTRADAY)
    last = flow.points[-1]
    assert last.in_flow == pytest.approx(figures.net)
    assert (last.super_in_flow, last.big_in_flow) == (figures.net_super, figures.net_big)
    assert (last.mid_in_flow, last.sml_in_flow) == (figures.net_mid, figures.net_small)
    assert last.main_in_flow is None, "it is sent for history only"


@pytest.mark.parametrize("period", [Period.DAY, Period.WEEK, Period.MONTH, 2])
async def test_history_is_between_the_dates(period: Period) -> None:
    start, end = date(2023, 9, 4), "2023-10-31"
    with anyio.fail_after(5):
        async with (
            fixed_simulator(Transport("tcp")) as opend,
            aiocapdist.connect(port=opend.port) as client,
        ):
            flow = await client.capital_flow("US.AAPL", period, start=start, end=end)
    days = [point.day for point in flow.points]
    assert type(flow.period) is Period
    assert None not in days
    assert days == sorted(days)  # type: ignore[type-var]
    assert str(days[0]) >= "2023-09-04"
    assert str(days[-1]) <= "2023-10-31"
    assert all(point.main_in_flow is not None for point in flow.points)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"code": "hk.00700"}, InvalidCode),
        ({"period": 5}, ValueError),
        ({"period": "day"}, ValueError),
        ({"start": "2024-01-01"}, ValueError),
        ({"end": date(2024, 1, 1)}, ValueError),
        ({"period": Period.DAY, "start": "2024-02-30"}, ValueError),
        ({"period": Period.DAY, "start": "20240101"}, ValueError),
        ({"period": Period.DAY, "start": "2024-01-02", "end": "2024-01-01"}, ValueError),
        ({"period": Period.DAY, "start": datetime(2024, 1, 1, tzinfo=UTC)}, TypeError),
        ({"period": Period.DAY, "end": 20240101}, TypeError),
        ({"timeout": -1}, ValueError),
        ({"max_wait": "1"}, TypeError),
    ],
)
async def test_a_wrong_argument_is_an_error_and_nothing_is_sent(
    arguments: Any, kind: type[Exception]
) -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            with pytest.raises(kind):
                await client.capital_flow(**{"code": "HK.00700", **arguments})
            await client.global_state()
            assert asked(opend) == []


@pytest.mark.parametrize(
    ("code", "kind"), [("HK.99999", UnknownSecurity), ("US..DJI", UnsupportedSecurity)]
)
async def test_what_opend_answers_for_bad_securities(code: str, kind: type[Exception]) -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            with pytest.raises(kind) as caught:
                await client.capital_flow(code)
            assert code in str(caught.value)


async def test_equal_calls_cost_one_request_and_others_one_each() -> None:
    day: dict[str, Any] = {"period": Period.DAY, "start": "2023-10-02"}
    kinds: list[dict[str, Any]] = [
        {"code": "HK.00700"},
        {"code": "HK.00700", "period": Period.DAY},
        {"code": "HK.00700", **day},
        {"code": "HK.00700", **day, "end": "2023-10-31"},
        {"code": "US.AAPL"},
    ]
    with anyio.fail_after(5):
        async with (
            Simulator(latency=0.05) as opend,
            aiocapdist.connect(port=opend.port) as client,
            anyio.create_task_group() as group,
        ):

            async def ask(arguments: dict[str, Any]) -> CapitalFlow:
                return await client.capital_flow(**arguments)

            calls = [[Call(group, ask, kind) for _ in range(3)] for kind in kinds]
            spelled = Call(group, ask, {**kinds[2], "start": date(2023, 10, 2)})
            got = [[await call.value() for call in equal] for equal in calls]
            for equal in got:
                assert equal[0] is equal[1] is equal[2]
            assert await spelled.value() is got[2][0]
            assert len(asked(opend)) == len(kinds)
            assert client.flow_quota.available == 30 - len(kinds)
            assert leftovers_in_client(client) == {}


async def test_an_answer_is_not_kept_for_later_calls() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            for _ in range(2):
                await client.capital_flow("HK.00700")
            assert asked(opend) == ["HK.00700"] * 2


async def test_the_two_quotas_are_apart() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(quota=(2, 60.0)) as opend,
            aiocapdist.connect(port=opend.port, quota=Quota(2, 60.0)) as client,
        ):
            for code in ("HK.00001", "HK.00002"):
                await client.capital_distribution(code)
                await client.capital_flow(code)
            assert (client.quota.available, client.flow_quota.available) == (0, 0)
            with pytest.raises(QuotaWaitTooLong) as caught:
                await client.capital_flow("HK.00003", max_wait=1.0)
            assert 50 < caught.value.eta < 61
            with pytest.raises(RequestTimeout) as timed_out:
                await client.capital_flow("HK.00003", timeout=0.01)
            assert timed_out.value.waited_for == "quota"
            assert opend.largest_flow_window == 2
            assert leftovers_in_client(client) == {}


async def test_clients_that_share_a_quota_share_that_of_flows() -> None:
    quota = Quota(7, 11.0, reserve=2, margin=0.1)
    async with Simulator() as opend:
        async with (
            aiocapdist.connect(port=opend.port, quota=quota) as one,
            aiocapdist.connect(port=opend.port, quota=quota) as other,
            aiocapdist.connect(port=opend.port) as stranger,
        ):
            flow_quota = one.flow_quota
            assert flow_quota is other.flow_quota
            assert flow_quota is not quota
            assert flow_quota is not stranger.flow_quota
            assert (flow_quota.limit, flow_quota.period) == (7, 11.0)
            assert (flow_quota.reserve, flow_quota.margin) == (2, 0.1)
            await one.capital_flow("HK.00700")
            await other.capital_flow("HK.00700")
            assert flow_quota.available == 5


async def test_a_flow_quota_can_be_given() -> None:
    given = Quota(3, 60.0)
    with pytest.raises(TypeError, match=r"flow_quota is an aiocapdist\.Quota"):
        aiocapdist.connect(flow_quota=30)  # type: ignore[arg-type]
    async with (
        Simulator() as opend,
        aiocapdist.connect(port=opend.port, flow_quota=given) as client,
    ):
        assert client.flow_quota is given
        await client.capital_flow("HK.00700")
        assert (given.available, client.quota.available) == (2, 30)


@pytest.mark.parametrize("explicit", [False, True])
async def test_a_raw_call_of_3211_costs_a_token_of_the_same_quota(explicit: bool) -> None:
    message = capital_flow_pb2.Request(c2s={"security": {"market": 1, "code": "00700"}})
    message.c2s.periodType = 1
    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, flow_quota=Quota(2, 60.0)) as client,
            anyio.create_task_group() as group,
        ):
            quota = client.flow_quota if explicit else None
            await client.request(3211, message, capital_flow_pb2.Response, quota=quota)
            await client.capital_flow("HK.00700")
            late = Call(group, client.capital_flow, "HK.00005")
            await until(lambda: client.flow_quota.waiting == 1)
            assert not late.ended
            group.cancel_scope.cancel()


async def test_a_rejection_for_frequency_goes_back_in_line() -> None:
    faults = Faults(script=[Fault.REFUSE, Fault.REFUSE])
    with anyio.fail_after(10):
        async with (
            Simulator(faults=faults) as opend,
            aiocapdist.connect(port=opend.port, flow_quota=Quota(30, 1.0)) as client,
        ):
            flow = await client.capital_flow("HK.00700")
            assert flow.points
            assert client.flow_quota.rejections == 2
            assert client.quota.rejections == 0
            assert [r.outcome for r in opend.requests if r.proto_id == 3211] == [
                "refused",
                "refused",
                "answered",
            ]


async def test_it_is_sent_again_after_a_loss() -> None:
    with anyio.fail_after(10):
        async with (
            Simulator(faults=Faults(script=[Fault.CLOSE])) as opend,
            aiocapdist.connect(port=opend.port) as client,
        ):
            assert (await client.capital_flow("HK.00700")).points
            assert client.status.reconnects == 1


async def test_cancelled_it_leaves_nothing() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_flow, "HK.00700")
            late = await peer.next()
            call.cancel()
            await call.end()
            again = Call(group, client.capital_flow, "HK.00700")
            frame = await peer.next()
            await peer.reply(late, flow_reply(1.0))
            await peer.reply(frame, flow_reply(2.0))
            assert (await again.value()).points[0].in_flow == 2.0
            await until(lambda: leftovers_in_client(client) == {})


async def test_the_brokers_number_goes_into_the_header() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect(security_firm=SecurityFirm.FUTUSG) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_flow, "CC.BTC", Period.DAY)
            frame = await peer.next()
            await peer.reply(frame, flow_reply())
            await call.value()
    c2s = capital_flow_pb2.Request.FromString(frame.body).c2s
    assert (c2s.header.securityFirm, c2s.periodType, c2s.security.code) == (3, 2, "BTC")
    assert not c2s.HasField("beginTime")


async def test_closing_the_client_ends_it() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_flow, "HK.00700")
            await peer.next()
            await client.aclose()
            assert isinstance(await call.error(), ClientClosed)
            with pytest.raises(ClientClosed):
                await client.capital_flow("HK.00700")


async def test_a_group_asks_any_gateway_and_counts_each_account() -> None:
    opends = [Simulator(latency=0.02), Simulator(latency=0.02)]
    accounts = [Quota(2, 60.0), Quota(3, 60.0)]
    with anyio.fail_after(10):
        async with (
            gateway_group(*opends, quota=accounts) as (clients, gateways),
            anyio.create_task_group() as group,
        ):
            await until(lambda: clients.quota.available == 5)
            quota = clients.flow_quota
            assert (quota.limit, quota.period, quota.available) == (5, 60.0, 5)
            calls = [Call(group, clients.capital_flow, f"HK.0000{n}") for n in range(1, 6)]
            for call in calls:
                assert (await call.value()).points
            assert sorted(len(asked(opend)) for opend in gateways.values()) == [2, 3]
            assert (quota.available, clients.quota.available) == (0, 5)
            late = Call(group, clients.capital_flow, "HK.00006")
            await until(lambda: quota.waiting == 1)
            late.cancel()
            await late.end()
            assert leftovers_in_group(clients) == {}


async def test_the_flow_quota_of_a_file_is_in_that_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with anyio.fail_after(10):
        async with Simulator() as opend:
            for left in (29, 28):
                quota = FileQuota(path)
                async with aiocapdist.connect(port=opend.port, quota=quota) as client:
                    assert isinstance(client.flow_quota, FileQuota)
                    await client.capital_flow("HK.00700")
                    assert (client.flow_quota.available, quota.available) == (left, 30)
