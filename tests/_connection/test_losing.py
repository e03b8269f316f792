"""What a lost connection does to requests, to those that were sent and those that were not."""

from __future__ import annotations

import anyio
import pytest
from anyio.abc import ByteStream

from aiocapdist import ConnectionLost, HandshakeError, Quota, connect
from aiocapdist._protocol.frames import encode_frame

from ..support.blocked_writer import blocked_server, call_with_blocked_writer, reply_to
from ..support.internals import tokens
from ..support.scripted_server import Peer, ScriptedServer, figures_reply, init_reply
from ..support.tcp_server import tcp_server
from ..support.waiting import Call, until

pytestmark = pytest.mark.anyio


async def test_at_a_loss_all_go_again_in_the_order_they_were_asked() -> None:
    with anyio.fail_after(5):
        async with (
            blocked_server() as server,
            server.connect(quota=Quota(12, 60.0)) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            calls = await call_with_blocked_writer(
                client, group, "HK.00001", "HK.00002", "HK.00003", "HK.00004", "HK.00005"
            )
            assert tokens(client.quota).held == 5
            await peer.hang_up()
            await until(lambda: client.status.state == "reconnecting")
            # The two that were written expire; the three that were not cost nothing.
            assert tokens(client.quota).held == 0
            assert client.quota.available == 10
            calls.append(Call(group, client.capital_distribution, "HK.00006"))
            peer = await server.accept()
            assert await reply_to(peer, 6) == [
                "HK.00001",
                "HK.00002",
                "HK.00003",
                "HK.00004",
                "HK.00005",
                "HK.00006",
            ]
            assert [(await call.value()).code for call in calls] == [
                f"HK.{n:05d}" for n in range(1, 7)
            ]
            assert client.quota.available == 4


async def test_what_had_not_left_spends_no_attempt() -> None:
    """The two that were written end, for they may have been seen; the others go again."""
    with anyio.fail_after(5):
        async with (
            blocked_server() as server,
            server.connect(attempts=1) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            one, two, three, four = await call_with_blocked_writer(
                client, group, "HK.00001", "HK.00002", "HK.00003", "HK.00004"
            )
            await peer.hang_up()
            for call in (one, two):
                error = await call.error()
                assert isinstance(error, ConnectionLost)
                assert error.sent
            peer = await server.accept()
            assert await reply_to(peer, 2) == ["HK.00003", "HK.00004"]
            assert (await three.value()).code == "HK.00003"
            assert (await four.value()).code == "HK.00004"


async def test_one_loss_has_one_cause_and_each_caller_learns_whether_it_was_sent() -> None:
    with anyio.fail_after(5):
        async with (
            blocked_server() as server,
            server.connect(reconnect=False, quota=Quota(3, 60.0)) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            calls = await call_with_blocked_writer(
                client, group, "HK.00001", "HK.00002", "HK.00003"
            )
            calls.append(Call(group, client.capital_distribution, "HK.00004"))
            await until(lambda: client.quota.waiting == 1)
            await peer.hang_up()
            errors = [await call.error() for call in calls]
            assert all(isinstance(error, ConnectionLost) for error in errors)
            assert [error.sent for error in errors] == [True, True, False, False]  # type: ignore[attr-defined]
            assert len({id(error.__cause__) for error in errors}) == 1
            assert tokens(client.quota).held == 0
            assert tokens(client.quota).expiring == 2


async def test_a_reply_longer_than_max_frame_ends_the_connection_before_it_is_read() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect(attempts=1, reconnect=False, max_frame=19_999) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            frame = await peer.next()
            await peer.send(encode_frame(3212, frame.serial, bytes(20_000))[:44])
            with pytest.raises(ConnectionLost, match="announces 20000 bytes"):
                await call.value()


async def test_a_welcome_with_nonsense_at_its_heels_is_none_and_what_waits_waits_on() -> None:
    with anyio.fail_after(5):
        async with ScriptedServer(handshake=False) as server, anyio.create_task_group() as group:
            peers: list[Peer] = []

            async def opend() -> None:
                for n, rest in enumerate((b"", b"XX", b"")):
                    peer = await server.accept()
                    peers.append(peer)
                    greeting = await peer.next()
                    body = init_reply(n).SerializeToString()
                    await peer.send(encode_frame(1001, greeting.serial, body) + rest)
                    if not n:
                        await peer.next()
                        await peer.hang_up()
                await peers[-1].reply(await peers[-1].next(), figures_reply())

            group.start_soon(opend)
            async with server.connect() as client:
                assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
                assert (client.status.conn_id, client.status.reconnects) == (2, 1)
                assert client.quota.available == 28


async def test_at_the_first_connection_it_is_a_hand_shake_that_failed() -> None:
    async def opend(stream: ByteStream) -> None:
        greeting = await (peer := Peer(stream)).next()
        body = init_reply(1).SerializeToString()
        await peer.send(encode_frame(1001, greeting.serial, body) + b"XX")

    with anyio.fail_after(5):
        async with tcp_server(opend) as port:
            with pytest.raises(HandshakeError, match="it sent b'XX', expected a frame"):
                async with connect(port=port):
                    raise AssertionError("nothing of it can be relied upon")
