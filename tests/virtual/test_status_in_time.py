"""``client.status`` on virtual time: it measures exactly the time on the network."""

from __future__ import annotations

import random

import anyio
import pytest
import trio

import aiocapdist
from aiocapdist import Client, Quota, RequestTimeout
from aiocapdist._connection.stats import KEPT
from aiocapdist._transports.memory import MemoryListener
from aiocapdist.simulator import Simulator

from ..support.custom_call import PROTO_ID, Response, reply_message, request_message
from ..support.scripted_server import Peer, ScriptedServer, error_reply, figures_reply
from ..support.waiting import Call

pytestmark = pytest.mark.anyio


async def ask(client: Client, peer: Peer, seconds: float) -> None:
    """Make one call whose reply takes this long."""
    async with anyio.create_task_group() as group:
        call = Call(group, client.request, PROTO_ID, request_message(), Response)
        while (frame := await peer.next()).proto_id == 1004:
            await peer.reply(frame, error_reply(0))
        await trio.sleep(seconds)
        await peer.reply(frame, reply_message(1))
        await call.value()


def told(client: Client) -> tuple[float, float, float, float]:
    """Return the median, the 90th and 99th percentile, and the maximum."""
    trips = client.status.round_trip
    assert trips is not None
    return trips.median, trips.p90, trips.p99, trips.largest


async def test_uptime_counts_from_the_handshake() -> None:
    async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
        assert client.status.uptime == 0.0
        await trio.sleep(3600.0)
        assert client.status.uptime == pytest.approx(3600.0)
        opend.disconnect_all()
        await trio.testing.wait_all_tasks_blocked()
        assert client.status.uptime is None
        await trio.sleep(0.5)
        back = client.status.uptime
        assert back is not None
        assert 0.3 <= back <= 0.5, "it restarted, after a delay of at most 0.2 s"


async def test_round_trip_is_the_time_between_request_and_reply() -> None:
    """Of 101 in any order, the median is the 51st, and one is longer than p99."""
    milliseconds = list(range(1, 102))
    random.Random(3).shuffle(milliseconds)
    async with ScriptedServer(MemoryListener()) as server, server.connect() as client:
        peer = await server.accept()
        assert client.status.round_trip is None
        for n in milliseconds:
            await ask(client, peer, n / 1000)
        assert told(client) == pytest.approx((0.051, 0.091, 0.1, 0.101))
        # Only the latest count: old ones are dropped as new ones come.
        for _ in range(KEPT):
            await ask(client, peer, 0.002)
        assert told(client) == pytest.approx((0.002, 0.002, 0.002, 0.002))
        assert client.status.calls == 101 + KEPT


async def test_a_round_trip_counts_from_sending_not_from_the_call() -> None:
    async with (
        Simulator(latency=0.25) as opend,
        aiocapdist.connect(opend.memory, quota=Quota(1, 30.0)) as client,
    ):
        for code in ("HK.00001", "HK.00002"):
            await client.capital_distribution(code)
        assert told(client) == pytest.approx((0.25,) * 4)


@pytest.mark.parametrize("how", ["timed out", "cancelled"])
async def test_a_reply_that_nobody_waits_for_is_counted_as_late(how: str) -> None:
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect(request_timeout=5.0, attempts=1) as client,
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        await ask(client, peer, 1.0)
        for n in (1, 2):
            call = Call(group, client.capital_distribution, "HK.00700")
            frame = await peer.next()
            if how == "cancelled":
                call.cancel()
                await call.end()
            else:
                assert isinstance(await call.error(), RequestTimeout)
            assert client.status.late_replies == n - 1
            await peer.reply(frame, figures_reply())
            await peer.reply(frame, figures_reply())  # once more: a reply without a request
            await ask(client, peer, 1.0)
            assert client.status.late_replies == n
        # No caller waited that long: it is no round trip.
        assert told(client) == pytest.approx((1.0,) * 4)
        group.cancel_scope.cancel()


@pytest.mark.parametrize("how", ["never comes", "the connection is lost"])
async def test_a_reply_that_never_comes_is_not_late(how: str) -> None:
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect(request_timeout=5.0) as client,
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        call = Call(group, client.request, PROTO_ID, request_message(), Response)
        await peer.next()
        assert isinstance(await call.error(), RequestTimeout)
        if how == "the connection is lost":
            await peer.hang_up()
            peer = await server.accept()
        for _ in range(40):  # past the minute for which a late reply is expected
            await ask(client, peer, 2.0)
        assert client.status.late_replies == 0
        group.cancel_scope.cancel()
