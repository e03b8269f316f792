"""How users call the API, as type checkers see it. Checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Literal, assert_type

from google.protobuf.wrappers_pb2 import StringValue
from starlette.applications import Starlette

import aiocapdist
from aiocapdist import (
    AiocapdistError,
    CapitalDistribution,
    CapitalFlow,
    Change,
    Client,
    ClientGroup,
    Connected,
    EventsDropped,
    FlowPoint,
    GatewayEvent,
    GlobalState,
    GroupQuota,
    Market,
    MarketState,
    Notice,
    Outcome,
    Period,
    Quota,
    QuotaDegraded,
    QuotaRestored,
    Security,
    SecurityFirm,
    Status,
    Sweep,
    SweepResult,
    Throttled,
    Watch,
    sync,
    telemetry,
)
from aiocapdist.quota import FileQuota, RedisQuota
from aiocapdist.recording import Recording
from aiocapdist.simulator import Assumptions, LoggedRequest, Simulator
from aiocapdist.web import create_app


async def connecting(client: Client) -> None:
    async with aiocapdist.connect() as one:
        assert_type(one, Client)
    two = await aiocapdist.connect("tcp://127.0.0.1", 11111)
    assert_type(two, Client)
    assert_type(await two.aclose(), None)
    aiocapdist.connect(
        "opend.example:11111",
        quota=Quota(30, 30.0, reserve=5, margin=0.1),
        security_firm=SecurityFirm.FUTUSECURITIES,
        client_id="mine",
        request_timeout=5,
        connect_timeout=5,
        attempts=1,
        reconnect=False,
        max_frame=2**16,
    )
    aiocapdist.connect(rsa_key="key.pem", cipher="ftaes-ecb")
    aiocapdist.connect(host="opend.example", port=11111)
    aiocapdist.connect(rsa_key=b"-----BEGIN")
    aiocapdist.connect("wss://opend.example", websocket_key="key", ssl_context=None)
    aiocapdist.connect(cipher="rot13")  # type: ignore[arg-type]
    aiocapdist.connect(port="11111")  # type: ignore[arg-type]
    aiocapdist.connect("127.0.0.1", 11111, Quota())  # type: ignore[arg-type, call-arg]
    assert_type(client.status, Status)
    assert_type(client.quota, Quota)


async def connecting_many(clients: ClientGroup) -> None:
    connects = [aiocapdist.connect(), aiocapdist.connect("b", quota=Quota())]
    async with aiocapdist.connect_many(connects) as one:
        assert_type(one, ClientGroup)
    two = await aiocapdist.connect_many(aiocapdist.connect(port=port) for port in (1, 2))
    assert_type(two, ClientGroup)
    assert_type(await two.aclose(), None)
    aiocapdist.connect_many(["127.0.0.1"])  # type: ignore[list-item]
    assert_type(clients.status, dict[str, Status])
    assert_type(clients.clients, dict[str, Client])
    assert_type(clients.quota, GroupQuota)
    assert_type(clients.quota.available, int)
    assert_type(clients.quota.eta(2), float)
    assert_type(clients.answered_by("HK.00700"), str | None)
    assert_type(await clients.capital_distribution("HK.00700", max_wait=2), CapitalDistribution)
    assert_type(await clients.global_state(), GlobalState)
    async for outcome in clients.capital_distributions(["HK.00700"]):
        assert_type(outcome.gateway, str | None)
    async for event in clients.events():
        assert_type(event.gateway, str | None)


async def asking(client: Client) -> None:
    figures = await client.capital_distribution("HK.00700", max_wait=2, max_age=60)
    assert_type(figures, CapitalDistribution)
    await client.capital_distribution("HK.00700", 2)  # type: ignore[call-arg]
    await client.capital_distribution(700)  # type: ignore[arg-type]
    assert_type(await client.global_state(), GlobalState)


async def sweeping(client: Client, endless: Iterator[str]) -> None:
    sweep = client.capital_distributions(["HK.00700"])
    assert_type(sweep, Sweep)
    async for outcome in sweep:
        assert_type(outcome, Outcome)
        assert_type(outcome.code, str)
        assert_type(outcome.value, CapitalDistribution | None)
        assert_type(outcome.error, AiocapdistError | None)
        assert_type(outcome.unwrap(), CapitalDistribution)
    report = await client.capital_distributions(("HK.00700",), max_age=1.5).collect()
    assert_type(await client.capital_distributions(["HK.00700"]), SweepResult)
    assert_type(report, SweepResult)
    assert_type(report.values, dict[str, CapitalDistribution])
    assert_type(report.errors, dict[str, AiocapdistError])
    client.capital_distributions(endless)
    client.capital_distributions([700])  # type: ignore[list-item]


async def asking_for_flows(client: Client) -> None:
    flow = await client.capital_flow(
        "HK.00700", Period.DAY, start="2025-01-02", end=date(2025, 6, 30)
    )
    assert_type(flow, CapitalFlow)
    assert_type(flow.points, tuple[FlowPoint, ...])
    assert_type(flow.points[0].main_in_flow, float | None)
    assert_type(flow.points[0].day, date | None)
    assert_type(client.flow_quota, Quota)
    await client.capital_flow("HK.00700", "DAY")  # type: ignore[arg-type]


def serving(client: Client, recording: Recording) -> None:
    assert_type(create_app(client, ["HK.00700"]), Starlette)
    create_app(aiocapdist.connect(), [Security.parse("HK.00700")], "a token, long enough")
    create_app(
        aiocapdist.connect_many([aiocapdist.connect()]),
        ("HK.00700",),
        every=30,
        allow_hosts=["opend.example:8321"],
        recording=recording,
    )
    create_app("127.0.0.1", [])  # type: ignore[arg-type]


async def watching(client: Client, clients: ClientGroup) -> None:
    watch = client.watch(["HK.00700"], every=30, while_closed=True)
    assert_type(watch, Watch)
    assert_type(clients.watch(iter(["HK.00700"])), Watch)
    assert_type(watch.codes, tuple[str, ...])
    assert_type(watch.round_time, float | None)
    assert_type(watch.resting, tuple[str, ...])
    watch.add(["HK.00005"])
    watch.discard({"HK.00005"})
    async for change in watch:
        assert_type(change, Change)
        assert_type(change.value, CapitalDistribution | None)
        assert_type(change.previous, CapitalDistribution | None)
        assert_type(change.error, AiocapdistError | None)
        assert_type(change.skipped, int)
        assert_type(change.gateway, str | None)
        assert_type(change.seen_at, datetime)
        assert_type(change.age, float | None)
        assert_type(change.crossed("main_net", 1e6), int)
        assert_type(change.unwrap(), CapitalDistribution)
    await watch.aclose()
    client.watch([700])  # type: ignore[list-item]


async def listening(client: Client) -> None:
    async for event in client.events():
        match event:
            case Connected():
                assert_type(event.server_version, str | None)
            case Throttled():
                assert_type(event.eta, float)
            case Notice():
                assert_type(event.gateway_event, GatewayEvent | int | None)
            case EventsDropped():
                assert_type(event.count, int)
            case _:
                pass


async def asking_anything(client: Client) -> None:
    message = StringValue(value="hello")
    assert_type(await client.request(9999, message, StringValue), StringValue)
    await client.request(9999, message, StringValue, quota=Quota(), idempotent=True)
    await client.request("9999", message, StringValue)  # type: ignore[arg-type]


def reading(figures: CapitalDistribution, state: GlobalState, status: Status) -> None:
    assert_type(figures.code, str)
    assert_type(figures.market, Market)
    assert_type(figures.capital_in_super, float | None)
    assert_type(figures.capital_in_big, float)
    assert_type(figures.capital_out_small, float)
    assert_type(figures.update_time, str | None)
    assert_type(figures.updated_at, datetime | None)
    assert_type(figures.capital_in, float)
    assert_type(figures.capital_out, float)
    assert_type(figures.net, float)
    assert_type(figures.net_super, float | None)
    assert_type(figures.net_big, float)
    assert_type(figures.main_net, float)
    assert_type(figures.main_ratio, float | None)
    figures.net = 1.0  # type: ignore[misc]
    assert_type(state.market_hk, MarketState | int)
    assert_type(MarketState.REST.is_resting, bool)
    assert_type(state.market_sg, MarketState | int | None)
    assert_type(state.server_time, datetime)
    assert_type(status.state, Literal["connecting", "ready", "reconnecting", "closed"])
    assert_type(status.conn_id, int | None)
    assert_type(status.server_version, str | None)


def counting(quota: Quota) -> None:
    assert_type(quota.available, int)
    assert_type(quota.waiting, int)
    assert_type(quota.rejections, int)
    assert_type(quota.eta(), float)
    assert_type(quota.eta(31), float)
    quota.available = 3  # type: ignore[misc]


async def sharing(client: Client) -> None:
    shared = FileQuota("capdist.quota", 30, 30.0, reserve=5)
    lent = RedisQuota("redis://host:6379/0", key="mine", limit=26, fallback=2)
    async with aiocapdist.connect(quota=shared) as one, aiocapdist.connect(quota=lent) as other:
        assert_type(one.quota, Quota)
        assert_type(other.quota.available, int)
    RedisQuota("redis://host", fallback="2")  # type: ignore[arg-type]
    async for event in client.events():
        match event:
            case QuotaDegraded():
                assert_type(event.fallback, int)
                assert_type(event.reason, str)
            case QuotaRestored():
                pass
            case _:
                pass
    try:
        await client.capital_distribution("HK.00700")
    except aiocapdist.QuotaUnavailable as error:
        assert_type(error.where, str)


def naming() -> None:
    assert_type(aiocapdist.__version__, str)
    assert_type(aiocapdist.FileQuota("a.quota"), FileQuota)
    assert_type(aiocapdist.quota.FileQuota("a.quota"), FileQuota)
    assert_type(aiocapdist.simulator.Simulator(), Simulator)
    aiocapdist.conect()  # type: ignore[attr-defined]


def coding() -> None:
    security = Security.parse("US.BRK.B")
    assert_type(security, Security)
    assert_type(security.market, Market)
    assert_type(str(security), str)


async def failing(client: Client) -> None:
    try:
        await client.capital_distribution("HK.00700")
    except aiocapdist.InvalidCode as error:
        assert_type(error.suggestion, str | None)
    except aiocapdist.QuotaWaitTooLong as error:
        assert_type(error.eta, float)
    except aiocapdist.ConnectError as error:
        assert_type(error.port, int)
        assert_type(error.gateways, tuple[str, ...])
        assert_type(error.hint, str)
    except aiocapdist.ConnectionLost as error:
        assert_type(error.sent, bool)
    except aiocapdist.OpenDError as error:
        assert_type(error.ret_type, int)
        assert_type(error.code, str | None)


async def recording(client: Client, figures: CapitalDistribution, flow: CapitalFlow) -> None:
    async with Recording("day.sqlite") as kept:
        assert_type(kept, Recording)
        assert_type(await kept.add(figures, flow, Outcome("HK.00700", figures)), None)
        await kept.follow(client.capital_distributions(["HK.00700"]))
        await kept.add("HK.00700")  # type: ignore[arg-type]
        async for value in kept.read(["HK.00700"], since=figures.updated_at):
            assert_type(value, CapitalDistribution)
        async for one in kept.read_flows(period=Period.DAY):
            assert_type(one, CapitalFlow)
        assert_type(await kept.latest(), dict[str, CapitalDistribution])
        assert_type(await kept.export("day.parquet", flows=True), int)
        await kept.export("day", "xlsx")  # type: ignore[arg-type]
    Simulator(recording=kept, speed=60.0, start=figures.updated_at, nights=True)
    Simulator(figures={"HK.00700": figures})
    Simulator(figures=lambda code: None)
    Simulator(assumptions=Assumptions(quota_of="connection", kinds={"etf": "unsupported"}))
    try:
        await Recording("day.sqlite", read_only=True).open()
    except aiocapdist.RecordingError as error:
        assert_type(error.hint, str)


async def simulating() -> None:
    async with Simulator(quota=(5, 1.0), latency=(0.0, 0.1), seed=3) as opend:
        assert_type(opend, Simulator)
        assert_type(opend.host, str)
        assert_type(opend.port, int)
        assert_type(opend.requests, list[LoggedRequest])
        assert_type(opend.largest_window, int)
        async with aiocapdist.connect(opend.memory) as client:
            assert_type(client, Client)


def measured(client: Client, clients: ClientGroup, blocking: sync.Client) -> None:
    with telemetry.instrument(client, attributes={"who": "me"}) as one:
        assert_type(one, telemetry.Instrumentation)
    telemetry.instrument(clients).end()
    telemetry.instrument(blocking).end()
    telemetry.instrument(aiocapdist.connect())  # type: ignore[arg-type]


def blocking() -> None:
    with aiocapdist.sync.connect("127.0.0.1", port=1, quota=Quota()) as client:
        assert_type(client, sync.Client)
        assert_type(client.capital_distribution("HK.00700", timeout=1.0), CapitalDistribution)
        assert_type(client.capital_flow("HK.00700", Period.DAY), CapitalFlow)
        assert_type(client.global_state(), GlobalState)
        assert_type(client.request(1002, StringValue(), StringValue), StringValue)
        assert_type(client.capital_distributions(["HK.00700"]).collect(), SweepResult)
        for outcome in client.capital_distributions(["HK.00700"]):
            assert_type(outcome, Outcome)
        for change in client.watch(["HK.00700"]):
            assert_type(change, Change)
        assert_type(client.status, Status)
        assert_type(client.quota.eta(), float)
        client.capital_distribution(700)  # type: ignore[arg-type]
    with sync.connect_many([aiocapdist.connect()]) as clients:
        assert_type(clients, sync.ClientGroup)
        assert_type(clients.status, dict[str, Status])
    sync.connect(port="1")  # type: ignore[arg-type]
