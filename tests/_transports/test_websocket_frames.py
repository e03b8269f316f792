"""Frames of a WebSocket: whole, in fragments, and those that end the connection."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from aiocapdist import Client, ConnectionLost
from aiocapdist._pb import keep_alive_pb2
from aiocapdist._protocol import catalog

from ..support.scripted_server import error_reply, figures_reply
from ..support.scripted_websocket import ScriptedWebSocketServer, WebSocketPeer
from ..support.waiting import Call

pytestmark = pytest.mark.anyio
MESSAGE = keep_alive_pb2.Request(c2s=keep_alive_pb2.C2S(time=1))


async def answered(peer: WebSocketPeer, group: TaskGroup, client: Client) -> None:
    """Check that the connection still works."""
    call = Call(group, client.capital_distribution, "HK.00700")
    await peer.reply(await peer.next(), figures_reply(5.0))
    assert (await call.value()).capital_in_big == 5.0


async def test_a_message_in_fragments_with_pings_between_is_one_message() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedWebSocketServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            asked = await peer.next()
            data = peer.envelope(asked.proto_id, asked.serial, figures_reply(7.0))
            peer.protocol.send_binary(data[:3], fin=False)
            for at in range(3, len(data)):
                peer.protocol.send_ping(bytes([at]))
                peer.protocol.send_continuation(data[at : at + 1], fin=False)
            await peer.flush()
            assert not call.ended
            peer.protocol.send_continuation(b"", fin=True)
            await peer.flush()
            assert (await call.value()).capital_in_big == 7.0
            pongs = [bytes((await peer.next_control_frame()).data) for _ in range(3, len(data))]
            assert pongs == [bytes([at]) for at in range(3, len(data))]
            await answered(peer, group, client)


async def test_several_messages_in_one_read_reach_their_callers() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedWebSocketServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            calls, asked = [], []
            for n in range(3):
                calls.append(Call(group, client.capital_distribution, f"HK.{n:05d}"))
                asked.append(await peer.next())
            for n in (2, 0, 1):
                message = peer.envelope(3212, asked[n].serial, figures_reply(float(n)))
                peer.protocol.send_binary(message)
            await peer.flush()
            assert [(await call.value()).capital_in_big for call in calls] == [0.0, 1.0, 2.0]


# The end of the connection


async def loss(peer_does: Any, **options: Any) -> ConnectionLost:
    """Return the error of a call that OpenD treats like this instead of answering."""
    async with (
        ScriptedWebSocketServer() as server,
        server.connect(reconnect=False, **options) as client,
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        call = Call(group, client.request, 4000, MESSAGE, keep_alive_pb2.Response)
        asked = await peer.next()
        await peer_does(peer, asked)
        ended = await call.error()
    assert isinstance(ended, ConnectionLost)
    assert ended.sent
    return ended


async def test_the_push_that_opend_is_gone_ends_the_connection() -> None:
    with anyio.fail_after(5):
        error = await loss(lambda peer, asked: peer.send_message(2, 0))
    assert error.reason == "OpenD behind its WebSocket service is gone"


async def test_after_that_push_the_client_reconnects_and_sends_the_read_again() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedWebSocketServer() as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            await peer.next()
            await peer.send_message(2, 0)
            peer = await server.accept()
            await peer.reply(await peer.next(), figures_reply(5.0))
            assert (await call.value()).capital_in_big == 5.0
            assert (client.status.reconnects, client.status.conn_id) == (1, 2)


async def close(peer: WebSocketPeer, asked: object) -> None:
    peer.protocol.send_close(1001, "going away")
    await peer.flush()


async def text(peer: WebSocketPeer, asked: object) -> None:
    peer.protocol.send_text(b"hello")
    await peer.flush()


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        (close, "OpenD closed the WebSocket"),
        (text, "OpenD sent a text message through the WebSocket"),
        (lambda peer, asked: peer.send(b"\xc2\x00"), "reserved bits must be 0"),
        (lambda peer, asked: peer.send(b"\x83\x00"), "invalid opcode"),
        (lambda peer, asked: peer.send(b"\x80\x00"), "unexpected continuation frame"),
        (lambda peer, asked: peer.send(b"\x82\x04nope"), "does not speak OpenD's protocol"),
        (lambda peer, asked: peer.hang_up(), "OpenD closed the connection"),
    ],
    ids=["close", "text", "compressed", "opcode", "continuation", "no envelope", "end"],
)
async def test_the_reason_of_the_loss_says_what_happened(does: Any, reason: str) -> None:
    with anyio.fail_after(5):
        error = await loss(does)
    assert reason in error.reason


MAX_FRAME = 500_000


async def test_a_reply_may_be_as_long_as_max_frame_and_no_longer() -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedWebSocketServer() as server,
            server.connect(max_frame=MAX_FRAME, reconnect=False) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            for more in (0, 1):
                call = Call(group, client.request, 4000, MESSAGE, keep_alive_pb2.Response)
                body = error_reply(0, "x" * (MAX_FRAME + more - 8)).SerializeToString()
                assert len(body) == MAX_FRAME + more
                await peer.reply(await peer.next(), body)
                await call.end()
                assert client.status.state == ("closed" if more else "ready")
                if more:
                    error = await call.error()
                    assert isinstance(error, ConnectionLost)
                    assert error.reason.endswith("exceeds limit of 500044 bytes")


@pytest.mark.parametrize("fragments", [1, 7])
async def test_a_message_over_max_frame_is_rejected_before_it_is_complete(
    fragments: int,
) -> None:
    async def send(peer: WebSocketPeer, asked: Any) -> None:
        data = peer.envelope(asked.proto_id, asked.serial, bytes(MAX_FRAME + 1))
        if fragments == 1:
            # Its head alone: the length is enough to know.
            await peer.send(b"\x82\x7f" + len(data).to_bytes(8, "big"))
            return
        size = len(data) // fragments + 1
        peer.protocol.send_binary(data[:size], fin=False)
        for at in range(size, len(data), size):
            peer.protocol.send_continuation(data[at : at + size], fin=False)
        await peer.flush()

    with anyio.fail_after(5):
        error = await loss(send, max_frame=MAX_FRAME)
    assert error.reason.startswith("invalid WebSocket data: frame with ")
    assert error.reason.endswith("exceeds limit of 500044 bytes")


async def test_with_a_small_max_frame_known_replies_still_have_their_own_limit() -> None:
    limit = catalog.MAX_BODY[3212]
    with anyio.fail_after(5):
        async with (
            ScriptedWebSocketServer() as server,
            server.connect(max_frame=1000, attempts=1) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            reply = figures_reply(5.0)
            reply.s2c.updateTime = "x" * 10_000  # type: ignore[attr-defined]
            body = reply.SerializeToString()
            assert 1000 < len(body) < limit
            await peer.reply(await peer.next(), body)
            assert (await call.value()).capital_in_big == 5.0
