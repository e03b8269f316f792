"""Requests and their deadlines on virtual time: OpenD answers late or never."""

from __future__ import annotations

import anyio
import pytest
import trio

from aiocapdist import Client, ConnectionLost, Quota, RequestTimeout
from aiocapdist._protocol.frames import Frame
from aiocapdist._transports.memory import MemoryListener

from ..support.internals import next_token_at, recent_answer, tokens
from ..support.scripted_server import Peer, ScriptedServer, error_reply, figures_reply
from ..support.waiting import Call

pytestmark = pytest.mark.anyio


def held_and_expiring(client: Client) -> tuple[int, int]:
    _, held, expiring = tokens(client.quota)
    return held, expiring


async def stay_alive(peer: Peer) -> None:
    """Answer keep-alives and nothing else."""
    while True:
        frame = await peer.next()
        if frame.proto_id == 1004:
            await peer.reply(frame, error_reply(0))


async def test_each_attempt_has_the_whole_timeout_and_its_own_token() -> None:
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect(request_timeout=7.0, attempts=3) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(stay_alive, await server.accept())
        began = trio.current_time()
        with pytest.raises(RequestTimeout) as error:
            await client.capital_distribution("HK.00700")
        assert trio.current_time() - began == pytest.approx(21.0)
        assert (error.value.proto_id, error.value.timeout) == (3212, 7.0)
        assert held_and_expiring(client) == (3, 0)
        group.cancel_scope.cancel()


async def test_a_call_that_no_quota_counts_times_out_as_well() -> None:
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect(request_timeout=4.0, attempts=2) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(stay_alive, await server.accept())
        began = trio.current_time()
        with pytest.raises(RequestTimeout, match="no reply to request 1002 within 4 s") as error:
            await client.global_state()
        assert error.value.code is None
        assert trio.current_time() - began == pytest.approx(8.0)
        assert client.quota.available == 30
        group.cancel_scope.cancel()


async def test_a_request_timeout_counts_from_sending_not_from_the_call() -> None:
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect(request_timeout=1.5, attempts=1, quota=Quota(1, 30.0)) as client,
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        first = Call(group, client.capital_distribution, "HK.00001")
        await peer.reply(await peer.next(), figures_reply())
        await first.end()
        group.start_soon(stay_alive, peer)
        began = trio.current_time()
        with pytest.raises(RequestTimeout):
            await client.capital_distribution("HK.00002")
        assert trio.current_time() - began == pytest.approx(30.05 + 1.5)
        group.cancel_scope.cancel()


async def test_a_reply_after_the_timeout_is_dropped_and_frees_the_token_a_period_later() -> None:
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect(request_timeout=5.0, attempts=1) as client,
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        call = Call(group, client.capital_distribution, "HK.00700")
        late = await peer.next()
        assert isinstance(await call.error(), RequestTimeout)
        assert held_and_expiring(client) == (1, 0)
        await trio.sleep(2.0)
        await peer.reply(late, figures_reply())
        await trio.sleep(0.001)
        assert held_and_expiring(client) == (0, 1)
        assert recent_answer(client, "HK.00700", 1000.0) is None
        group.start_soon(stay_alive, peer)
        await trio.sleep(30.04)
        assert client.quota.available == 29
        await trio.sleep(0.02)
        assert client.quota.available == 30
        group.cancel_scope.cancel()


@pytest.mark.parametrize("how", ["timed out", "cancelled"])
async def test_a_token_whose_reply_never_comes_is_held_for_60_s_and_then_expires(how: str) -> None:
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect(request_timeout=5.0, attempts=1) as client,
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        call = Call(group, client.capital_distribution, "HK.00700")
        await peer.next()
        sent_at = trio.current_time()
        group.start_soon(stay_alive, peer)
        await trio.sleep(1.0)
        if how == "cancelled":
            call.cancel()
        await call.end()
        await trio.sleep_until(sent_at + 59.9)
        assert held_and_expiring(client) == (1, 0)
        await trio.sleep_until(sent_at + 60.1)
        assert held_and_expiring(client) == (0, 1)
        await trio.sleep_until(sent_at + 90.0)
        assert client.quota.available == 29
        await trio.sleep_until(sent_at + 90.2)
        assert client.quota.available == 30
        group.cancel_scope.cancel()


@pytest.mark.parametrize("forgotten", [False, True], ids=["waited for", "forgotten"])
async def test_a_loss_makes_tokens_expire_a_second_longer(forgotten: bool) -> None:
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect(attempts=1) as client,
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        call = Call(group, client.capital_distribution, "HK.00700")
        await peer.next()
        if forgotten:
            call.cancel()
            await call.end()
            assert held_and_expiring(client) == (1, 0)
        lost_at = trio.current_time()
        await peer.hang_up()
        await call.end()
        await trio.sleep(0.001)
        assert held_and_expiring(client) == (0, 1)
        assert next_token_at(client.quota) == pytest.approx(lost_at + 31.05)
        group.cancel_scope.cancel()


async def test_a_request_that_was_never_written_times_out_without_spending_a_token() -> None:
    """The pipe holds one write and nobody reads it: two requests are written, the third is not."""
    async with (
        ScriptedServer(MemoryListener(buffer=1)) as server,
        server.connect(request_timeout=5.0, attempts=1) as client,
        anyio.create_task_group() as group,
    ):
        await server.accept()
        calls = []
        for n in range(3):
            calls.append(Call(group, client.capital_distribution, f"HK.{n:05d}"))
            await trio.sleep(0.125)
        assert held_and_expiring(client) == (3, 0)
        for call in calls:
            assert isinstance(await call.error(), RequestTimeout)
        assert held_and_expiring(client) == (2, 0)
        assert client.quota.available == 28
        group.cancel_scope.cancel()


async def test_a_keep_alive_is_sent_after_four_fifths_of_the_interval() -> None:
    async with (
        ScriptedServer(MemoryListener(), keep_alive_interval=5) as server,
        server.connect(),
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        began = trio.current_time()
        frames: list[tuple[float, Frame]] = []
        for _ in range(3):
            frame = await peer.next()
            frames.append((trio.current_time() - began, frame))
            await peer.reply(frame, error_reply(0))
        assert [at for at, _ in frames] == pytest.approx([4.0, 8.0, 12.0])
        assert {frame.proto_id for _, frame in frames} == {1004}
        group.cancel_scope.cancel()


async def test_a_silent_connection_is_closed_after_three_intervals() -> None:
    async with (
        ScriptedServer(MemoryListener()) as server,
        server.connect(reconnect=False, request_timeout=100.0) as client,
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        call = Call(group, client.capital_distribution, "HK.00700")
        await peer.next()
        await trio.sleep(10.0)
        await peer.send(b"F")  # a single byte counts as received
        began = trio.current_time()
        with pytest.raises(ConnectionLost, match="nothing heard from OpenD for 30 s"):
            await call.value()
        assert trio.current_time() - began == pytest.approx(30.0)
        group.cancel_scope.cancel()
