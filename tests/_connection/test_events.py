"""What ``client.events()`` tells of the connection, and of what OpenD says unasked."""

from __future__ import annotations

import anyio
import pytest

import aiocapdist
from aiocapdist import (
    Client,
    Connected,
    ConnectionLost,
    Disconnected,
    EventsDropped,
    EventStream,
    GatewayEvent,
    Notice,
    Quota,
    Reconnecting,
)
from aiocapdist._connection import supervisor
from aiocapdist._connection.event_stream import KEPT
from aiocapdist._pb import notify_pb2
from aiocapdist._protocol.frames import encode_frame
from aiocapdist.events import Event
from aiocapdist.simulator import Simulator

from ..support.scripted_server import ScriptedServer
from ..support.waiting import Call, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("patient_probe")]
NOTIFY = 1003


def kicked(words: str = "") -> bytes:
    """Body of a push: this account was logged in elsewhere."""
    s2c = {"type": 1, "event": {"eventType": 7, "desc": words}}
    body: bytes = notify_pb2.Response(retType=0, s2c=s2c).SerializeToString()
    return body


async def listen(client: Client, into: list[Event]) -> None:
    async for event in client.events():
        into.append(event)


async def rest(stream: EventStream) -> list[Event]:
    return [event async for event in stream]


async def test_the_first_event_tells_where_we_stand() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(seed=3, server_version=1203) as opend,
            aiocapdist.connect(port=opend.port) as client,
        ):
            first = await anext(client.events())
            assert first == Connected(conn_id=1, server_version="12.03", login_user_id=10_000_003)
            assert (first.conn_id, first.server_version, first.login_user_id) == (
                *(client.status.conn_id, client.status.server_version),
                client.status.login_user_id,
            )


async def test_the_websocket_door_tells_neither_version_nor_user() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(websocket=True) as opend,
            aiocapdist.connect(f"ws://127.0.0.1:{opend.websocket_port}") as client,
        ):
            stream = client.events()
            opend.push(NOTIFY, kicked("elsewhere"))
            first, second = await anext(stream), await anext(stream)
            assert first == Connected(conn_id=1, server_version=None, login_user_id=None)
            assert isinstance(second, Notice)
            assert second.text == "elsewhere"


@pytest.mark.parametrize(
    ("last_words", "reason"),
    [(b"", "OpenD closed the connection"), (b"HTTP/1.1 400 Bad Request\r\n" * 3, "speaks HTTP")],
    ids=["it hangs up", "it babbles"],
)
async def test_a_loss_is_told_with_the_first_cause_that_callers_get_and_then_the_way_back(
    last_words: bytes, reason: str
) -> None:
    with anyio.fail_after(5):
        async with (
            ScriptedServer() as server,
            server.connect(attempts=1) as client,
            anyio.create_task_group() as group,
        ):
            heard = list[Event]()
            group.start_soon(listen, client, heard)
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            await peer.next()
            if last_words:
                await peer.send(last_words)
            await peer.hang_up()
            error = await call.error()
            await until(lambda: len(heard) == 4)
            group.cancel_scope.cancel()
    assert isinstance(error, ConnectionLost)
    one, lost, again, two = heard
    assert lost == Disconnected(reason=error.reason)
    assert reason in error.reason
    assert isinstance(again, Reconnecting)
    assert again.attempt == 1
    assert 0.0 <= again.delay <= 0.2
    assert one == Connected(conn_id=1, server_version="10.11", login_user_id=7)
    assert two == Connected(conn_id=2, server_version="10.11", login_user_id=7)


async def test_closing_the_client_ends_each_stream_after_what_is_left() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend:
            async with aiocapdist.connect(port=opend.port) as client:
                unread = client.events()
                heard = list[Event]()
                async with anyio.create_task_group() as group:
                    group.start_soon(listen, client, heard)
                    await until(lambda: heard)
                    await client.aclose()
            left = [
                Connected(conn_id=1, server_version="10.11", login_user_id=10_000_000),
                Disconnected(reason="closed on this side"),
            ]
            assert heard == left
            assert await rest(unread) == left
            assert await rest(client.events()) == []


async def test_without_reconnecting_a_loss_is_the_last_that_is_told() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port, reconnect=False) as client,
        ):
            stream = client.events()
            opend.disconnect_all()
            with pytest.raises(ConnectionLost) as lost:
                await client.capital_distribution("HK.00700")
            assert (await rest(stream))[1:] == [Disconnected(reason=lost.value.reason)]


async def test_opends_notices_come_typed_to_every_listener() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator() as opend,
            aiocapdist.connect(port=opend.port) as client,
            aiocapdist.connect(port=opend.port) as other,
        ):
            streams = [client.events(), client.events(), other.events()]
            opend.push(NOTIFY, kicked("elsewhere"))
            for stream in streams:
                assert isinstance(await anext(stream), Connected)
                notice = await anext(stream)
                assert isinstance(notice, Notice)
                assert notice.gateway_event is GatewayEvent.KICKED_OUT
                assert notice.text == "elsewhere"


async def test_a_notice_that_nobody_listens_for_is_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading the first would hold up the loop for 40 ms, to load protobuf and build a schema."""
    read: list[bytes] = []
    monkeypatch.setattr(supervisor, "notice", read.append)
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            opend.push(NOTIFY, kicked("unheard"))
            await client.capital_distribution("HK.00700")  # its reply comes after the notice
    assert read == []


@pytest.mark.parametrize(
    "pushed",
    [
        encode_frame(NOTIFY, 5, b"\xff\xff garbage"),
        encode_frame(NOTIFY, 5, b""),
        encode_frame(NOTIFY, 5, notify_pb2.Response(retType=-1).SerializeToString()),
        encode_frame(NOTIFY, 5, kicked("a forged one"), bytes(20)),
        encode_frame(3005, 5, kicked("a quote")),
    ],
    ids=["garbage", "empty", "refusal", "wrong digest", "another push"],
)
async def test_a_push_that_is_no_notice_is_dropped_and_the_connection_lives(pushed: bytes) -> None:
    with anyio.fail_after(5):
        async with ScriptedServer() as server, server.connect() as client:
            stream = client.events()
            peer = await server.accept()
            await peer.send(pushed + encode_frame(NOTIFY, 6, kicked("the next")))
            assert isinstance(await anext(stream), Connected)
            notice = await anext(stream)
            assert isinstance(notice, Notice)
            assert notice.text == "the next"
            assert client.status.state == "ready"
            assert client.status.reconnects == 0


@pytest.mark.parametrize("blocks", [False, True], ids=["never reads", "blocks in its loop"])
async def test_a_listener_never_slows_a_reply(blocks: bool) -> None:
    """5,000 pushes run beside 300 calls; what the listener does not hear is counted."""
    heard = list[Event]()
    with anyio.fail_after(20):
        async with (
            Simulator(quota=None) as opend,
            aiocapdist.connect(port=opend.port, quota=Quota(1000, 1.0)) as client,
            anyio.create_task_group() as group,
        ):
            stream = client.events()

            async def block() -> None:
                async for event in stream:
                    heard.append(event)
                    await anyio.sleep_forever()

            if blocks:
                group.start_soon(block)
                await until(lambda: heard)
            calls = []
            for n in range(50):
                for m in range(100):
                    opend.push(NOTIFY, kicked(str(100 * n + m)))
                codes = [f"HK.{6 * n + m:05d}" for m in range(1, 7)]
                calls += [Call(group, client.capital_distribution, code) for code in codes]
                await calls[-1].end()
                assert len(stream._events) <= KEPT
            for call in calls:
                assert (await call.value()).capital_in_big > 0
            group.cancel_scope.cancel()
    missed, *latest, end = await rest(stream)
    assert isinstance(missed, EventsDropped)
    assert isinstance(end, Disconnected)
    assert len(latest) == KEPT - 1
    assert [event.text for event in latest if isinstance(event, Notice)] == [
        str(n) for n in range(5000 - len(latest), 5000)
    ]
    # Of all that was told: being connected, 5,000 notices, and the end.
    assert len(heard) + missed.count + len(latest) + 1 == 5002
