"""WebSocket on virtual time: keep-alives, silence, and a handshake that hangs."""

from __future__ import annotations

from typing import Any, Literal

import anyio
import pytest
import trio

import aiocapdist
from aiocapdist import ConnectionLost, HandshakeError
from aiocapdist._client.connect import Connecting
from aiocapdist._transports.memory import MemoryListener
from aiocapdist._transports.stream import StreamConnector, StreamTransport

from ..support.scripted_server import error_reply
from ..support.scripted_websocket import ScriptedWebSocketServer, WebSocketPeer
from ..support.waiting import Call

pytestmark = pytest.mark.anyio


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> MemoryListener:
    """A pipe in memory that ``ws://`` connects to: sockets have no virtual time."""
    listener = MemoryListener()

    class PipeConnector(StreamConnector):
        def __init__(self, host: str, port: int, ssl_context: object) -> None:
            super().__init__("tcp", listener.open)
            self.host, self.port = host, port
            assert ssl_context is None

    monkeypatch.setattr("aiocapdist._connection.endpoint.TcpConnector", PipeConnector)
    return listener


def seconds_since(began: float) -> float:
    return trio.current_time() - began


async def test_keep_alives_are_sent_every_8_s_and_their_replies_accepted(
    pipe: MemoryListener,
) -> None:
    async with ScriptedWebSocketServer(pipe) as server, server_client(reconnect=False) as client:
        peer = await server.accept()
        began = trio.current_time()
        for n in range(1, 6):
            asked = await peer.next()
            assert asked.proto_id == 1004
            assert seconds_since(began) == pytest.approx(8.0 * n)
            await peer.reply(asked, error_reply(0))
        assert client.status.state == "ready"


async def test_30_s_without_a_message_end_the_connection_and_pings_do_not_count(
    pipe: MemoryListener,
) -> None:
    """OpenD itself must answer keep-alives: its WebSocket server may work while OpenD does not."""
    async with (
        ScriptedWebSocketServer(pipe) as server,
        server_client(reconnect=False, request_timeout=100.0) as client,
        anyio.create_task_group() as group,
    ):
        peer = await server.accept()
        call = Call(group, client.capital_distribution, "HK.00700")
        began = trio.current_time()
        group.start_soon(ping, peer)
        error = await call.error()
        assert isinstance(error, ConnectionLost)
        assert error.reason == "nothing heard from OpenD for 30 s"
        assert seconds_since(began) == pytest.approx(30.0)
        group.cancel_scope.cancel()


async def ping(peer: WebSocketPeer) -> None:
    while True:
        await anyio.sleep(5.0)
        peer.protocol.send_ping(b"")
        await peer.flush()


@pytest.mark.parametrize("handshake", [None, "upgrade"])
async def test_a_silent_handshake_ends_after_connect_timeout(
    handshake: Literal["upgrade"] | None, pipe: MemoryListener
) -> None:
    async with ScriptedWebSocketServer(pipe, handshake=handshake):
        began = trio.current_time()
        with pytest.raises(HandshakeError, match="no reply in time"):
            async with server_client(connect_timeout=7.0):
                raise AssertionError("the handshake cannot succeed")
        assert seconds_since(began) == pytest.approx(7.0)


async def test_a_slow_handshake_has_one_timeout_for_all_of_it(
    pipe: MemoryListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three seconds for the connection leave four for the handshake."""
    opened = StreamConnector.open

    async def slowly(self: StreamConnector, timeout: float) -> StreamTransport:
        await anyio.sleep(3.0)
        return await opened(self, timeout)

    monkeypatch.setattr(StreamConnector, "open", slowly)
    async with ScriptedWebSocketServer(pipe, handshake="upgrade"):
        began = trio.current_time()
        with pytest.raises(HandshakeError, match="no reply in time"):
            async with server_client(connect_timeout=7.0):
                raise AssertionError("the handshake cannot succeed")
        assert seconds_since(began) == pytest.approx(7.0)


def server_client(**options: Any) -> Connecting:
    return aiocapdist.connect("ws://127.0.0.1", **options)
