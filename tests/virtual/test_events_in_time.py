"""Events of the quota on virtual time: when waiting begins and ends, and for how long."""

from __future__ import annotations

import anyio
import pytest
import trio

import aiocapdist
from aiocapdist import Connected, Disconnected, Quota, Reconnecting, Throttled, Unthrottled
from aiocapdist._transports.memory import MemoryListener
from aiocapdist.simulator import Simulator

from ..support.scripted_server import Peer, ScriptedServer, error_reply, figures_reply
from ..support.waiting import Call
from .event_log import codes, events_logged, now, throttled

pytestmark = pytest.mark.anyio


async def answer_one(peer: Peer) -> float:
    """Answer keep-alives and the next request; return when the request came."""
    with anyio.fail_after(1000.0):
        while (frame := await peer.next()).proto_id != 3212:
            await peer.reply(frame, error_reply(0))
    await peer.reply(frame, figures_reply())
    return now()


async def test_waiting_is_announced_when_it_begins_and_ends_with_its_eta() -> None:
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect(quota=Quota(2, 30.0)) as client,
        events_logged(client) as told,
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        for code in codes(2):
            Call(group, client.capital_distribution, code)
        for _ in range(2):
            await answer_one(peer)
        replied = now()
        await trio.sleep(5.0)
        assert told == [], "each call had a token"
        for code in codes(4, start=100):
            Call(group, client.capital_distribution, code)
        gone = [await answer_one(peer) for _ in range(4)]
        # Two at a time, 30.05 s after the last replies. Announced once, however many wait.
        first, last = round(replied + 30.05, 6), round(replied + 60.1, 6)
        assert gone == [first, first, last, last]
        assert told == [(replied + 5.0, throttled(25.05)), (last, Unthrottled())]


async def test_a_waiting_sweep_counts_as_one_and_is_announced_once() -> None:
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=Quota(3, 30.0)) as client,
        events_logged(client) as told,
    ):
        began = now()
        await client.capital_distributions(codes(11)).collect()
        assert told == [(began, throttled(30.05)), (round(began + 3 * 30.05, 6), Unthrottled())]


@pytest.mark.parametrize("how", ["cancelled", "a sweep left", "the client closed"])
async def test_waiting_ends_when_the_last_waiting_call_gives_up(how: str) -> None:
    """A client that shares the quota gets the event too, though it sends nothing itself."""
    quota = Quota(2, 30.0)
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=quota) as other,
        aiocapdist.connect(opend.memory, quota=quota) as client,
        events_logged(other) as told,
        anyio.create_task_group() as group,
    ):
        await client.capital_distributions(codes(2)).collect()
        began = now()
        sweep = client.capital_distributions(codes(2, start=100))
        call = Call(group, sweep.collect if how == "a sweep left" else client.global_state)
        if how != "a sweep left":
            call = Call(group, client.capital_distribution, "HK.00700")
        await trio.sleep(7.0)
        assert told == [(began, throttled(30.05))]
        if how == "the client closed":
            await client.aclose()
        else:
            call.cancel()
        await call.end()
        await trio.testing.wait_all_tasks_blocked()
        assert told[1:] == [(began + 7.0, Unthrottled())]
        assert quota.waiting == 0


async def test_a_shared_quota_sends_its_events_to_all_clients() -> None:
    quota = Quota(2, 30.0)
    async with (
        Simulator() as opend,
        aiocapdist.connect(opend.memory, quota=quota) as one,
        aiocapdist.connect(opend.memory, quota=quota) as other,
        events_logged(one) as told,
        events_logged(other) as other_told,
    ):
        began = now()
        await one.capital_distributions(codes(3)).collect()
        assert told == [(began, throttled(30.05)), (round(began + 30.05, 6), Unthrottled())]
        assert other_told == told


async def test_a_loss_ends_waiting_for_the_quota_and_a_reconnect_begins_it_again() -> None:
    """In between, calls wait for the connection."""
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect(quota=Quota(1, 30.0)) as client,
        events_logged(client) as told,
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        began = now()
        first = Call(group, client.capital_distribution, "HK.00001")
        await answer_one(peer)
        await first.end()
        second = Call(group, client.capital_distribution, "HK.00002")
        await trio.sleep(3.0)
        await peer.hang_up()
        gone = await answer_one(await server.accept())
        await second.end()
        at, kinds = [at for at, _ in told], [type(event) for _, event in told]
        assert kinds == [
            *(Throttled, Disconnected, Unthrottled, Reconnecting, Connected, Throttled, Unthrottled)
        ]
        away = told[3][1]
        assert isinstance(away, Reconnecting)
        back = round(began + 3.0 + away.delay, 6)
        assert gone == round(began + 30.05, 6)
        assert at == pytest.approx([began, *[began + 3.0] * 3, back, back, gone], abs=1e-5)
        assert told[0][1] == throttled(30.05)
        again = told[5][1]
        assert isinstance(again, Throttled)
        assert again.eta == pytest.approx(gone - back, abs=1e-5)
