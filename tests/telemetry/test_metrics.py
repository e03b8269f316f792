"""Metrics of a client: what its requests come to, and how its quota and connection stand."""

from __future__ import annotations

from functools import partial

import anyio
import pytest

import aiocapdist
from aiocapdist import Client, Disconnected, Quota, RequestTimeout, UnknownSecurity, sync
from aiocapdist.simulator import Fault, Faults, Simulator
from aiocapdist.telemetry import instrument

from ..embedding.opend_thread import opend_in_thread
from ..support.virtual_asyncio import BACKENDS, virtual
from ..support.waiting import until
from .collected import Metrics

pytestmark = pytest.mark.anyio
OUTCOME = ("rpc.method", "outcome", "error.type")
ONE = "capital_distribution"


@pytest.mark.parametrize("anyio_backend", [*map(virtual, BACKENDS)], ids=BACKENDS)
async def test_requests_are_counted_by_outcome(metrics: Metrics) -> None:
    faults = Faults(script=[None, None, Fault.DROP, Fault.DROP])
    with anyio.fail_after(20):
        async with (
            Simulator(quota=None, faults=faults) as opend,
            aiocapdist.connect(opend.memory, attempts=1, request_timeout=1.0) as client,
        ):
            with instrument(client, metrics.provider):
                await client.capital_distribution("HK.00700")
                with pytest.raises(UnknownSecurity):
                    await client.capital_distribution("HK.99999")
                with pytest.raises(RequestTimeout):
                    await client.capital_distribution("HK.00005")
                with pytest.raises(RequestTimeout):  # the caller gave up, not the request
                    await client.capital_distribution("HK.00006", timeout=0.01)
                await client.capital_flow("HK.00700")
                await client.global_state()
                await client.capital_distributions(["HK.00001", "HK.00002"])
                with anyio.move_on_after(0):
                    await client.capital_distribution("HK.00003")
                counted = metrics.values("aiocapdist.requests", *OUTCOME)
            (point,) = metrics.points("aiocapdist.round_trip.duration")
    assert counted == {
        (ONE, "ok", None): 3,
        (ONE, "error", "UnknownSecurity"): 1,
        (ONE, "error", "RequestTimeout"): 1,
        (ONE, "cancelled", None): 2,
        ("capital_flow", "ok", None): 1,
        ("global_state", "ok", None): 1,
    }
    assert point.count == 6
    assert (point.explicit_bounds[0], point.explicit_bounds[-1]) == (0.001, 10.0)


async def test_a_point_tells_its_server(metrics: Metrics) -> None:
    with anyio.fail_after(20):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            with instrument(client, metrics.provider):
                await client.global_state()
            (point,) = metrics.points("aiocapdist.round_trip.duration")
    assert dict(point.attributes) == {"server.address": "127.0.0.1", "server.port": opend.port}


async def test_the_quota_the_connection_and_a_watch_are_gauges(metrics: Metrics) -> None:
    with anyio.fail_after(20):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, quota=Quota(3, 600.0)) as client,
            anyio.create_task_group() as group,
        ):
            with instrument(client, metrics.provider):
                assert metrics.points("aiocapdist.watch.age") == []
                changes = aiter(client.watch(["HK.00001", "HK.00002"], while_closed=True))
                await anext(changes)
                await anext(changes)
                await client.capital_distribution("HK.00700")
                group.start_soon(client.capital_distribution, "HK.00005")
                await until(lambda: client.quota.waiting >= 1)
                by_call = partial(metrics.values, "aiocapdist.quota.available", "rpc.method")
                assert by_call() == {(ONE,): 0, ("capital_flow",): 3}
                assert metrics.values("aiocapdist.quota.waiting", "rpc.method")[ONE,] >= 1
                assert metrics.values("aiocapdist.quota.rejections", "rpc.method")[ONE,] == 0
                state = partial(metrics.values, "aiocapdist.connection.state", "state")
                on = {"connecting": 0, "ready": 1, "reconnecting": 0, "closed": 0}
                assert state() == {(name,): value for name, value in on.items()}
                (age,) = metrics.points("aiocapdist.watch.age")
                assert 0 <= age.value < 20
                events = client.events()
                opend.disconnect_all()
                async for event in events:
                    if isinstance(event, Disconnected):
                        break
                assert state()["reconnecting",] == 1
                await until(lambda: client.status.reconnects == 1)
                assert metrics.values("aiocapdist.connection.reconnects") == {(): 1}
            for name in ("quota.available", "connection.state", "watch.age"):
                assert metrics.points(f"aiocapdist.{name}") == [], "silent after the end"
            group.cancel_scope.cancel()


async def test_instruments_end_in_any_order(metrics: Metrics) -> None:
    with anyio.fail_after(10):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            before = as_it_stands(client)
            first = instrument(client, metrics.provider, attributes={"who": "first"})
            await client.capital_distribution("HK.00001")
            second = instrument(client, metrics.provider, attributes={"who": "second"})
            await client.capital_distribution("HK.00002")
            first.end()
            first.end()
            await client.capital_distribution("HK.00003")
            second.end()
            await client.capital_distribution("HK.00004")
            assert metrics.values("aiocapdist.requests", "who") == {("first",): 2, ("second",): 2}
            assert as_it_stands(client) == before


def as_it_stands(client: Client) -> list[object]:
    """What a call goes through that telemetry puts something in place of."""
    (gateway,) = client._gateways.values()
    flights = [vars(client._single_flight), vars(client._flows)]
    return [
        type(client),
        *("on_done" in each for each in flights),
        gateway.supervisor.stats.replied,
    ]


async def test_a_client_that_is_closed_or_dropped_is_silent(metrics: Metrics) -> None:
    with anyio.fail_after(10):
        async with Simulator() as opend:
            async with aiocapdist.connect(opend.memory) as client:
                running = instrument(client, metrics.provider)
                assert metrics.points("aiocapdist.quota.available")
            assert metrics.points("aiocapdist.quota.available") == []
            running.end()


async def test_another_thread_may_collect(metrics: Metrics) -> None:
    with anyio.fail_after(10):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            with instrument(client, metrics.provider):
                found = await anyio.to_thread.run_sync(metrics.points, "aiocapdist.quota.available")
                assert [point.value for point in found] == [30, 30]


async def test_gateways_of_a_group_are_told_apart(metrics: Metrics) -> None:
    with anyio.fail_after(20):
        async with Simulator() as one, Simulator() as two:
            connects = [aiocapdist.connect(port=each.port, quota=Quota(5)) for each in (one, two)]
            async with aiocapdist.connect_many(connects) as clients:
                await until(lambda: all(s.state == "ready" for s in clients.status.values()))
                with instrument(clients, metrics.provider):
                    await clients.capital_distributions([f"HK.{n:05d}" for n in range(1, 11)])
                    counted = metrics.values("aiocapdist.requests", "server.port", "outcome")
                    available = metrics.values(
                        "aiocapdist.quota.available", "server.port", "rpc.method"
                    )
    assert counted == {(one.port, "ok"): 5, (two.port, "ok"): 5}
    assert available[one.port, ONE] == available[two.port, ONE] == 0


async def test_an_observer_that_raises_harms_no_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken:
        def request_done(self, request: object) -> None:
            raise ZeroDivisionError

        def replied(self, gateway: object, seconds: float) -> None:
            raise ZeroDivisionError

    with anyio.fail_after(10):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            client._observers.add(Broken())
            assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
    assert caplog.text.count("an observer raised an error; the client goes on") == 2


async def test_what_is_no_client_is_told(metrics: Metrics) -> None:
    with pytest.raises(TypeError, match="a Client or ClientGroup, not Connecting"):
        instrument(aiocapdist.connect(), metrics.provider)  # type: ignore[arg-type]


def test_a_blocking_client(metrics: Metrics) -> None:
    with opend_in_thread() as opend, sync.connect(port=opend.port) as client:
        with instrument(client, metrics.provider):
            client.capital_distribution("HK.00700")
            assert metrics.values("aiocapdist.requests", *OUTCOME) == {(ONE, "ok", None): 1}
            assert metrics.values("aiocapdist.quota.available", "rpc.method")[ONE,] == 29
        assert metrics.points("aiocapdist.quota.available") == []
