"""The upgrade to WebSocket, and servers that do not complete it."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import HandshakeError
from aiocapdist.simulator import Simulator

from ..support.scripted_server import error_reply
from ..support.scripted_websocket import ScriptedWebSocketServer, init_reply
from ..support.tcp_server import replying, tcp_server
from ..support.waiting import Call

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("patient_probe")]
KEY = "sentinel websocket key"


async def test_the_upgrade_offers_no_compression_and_precedes_the_handshake() -> None:
    with anyio.fail_after(30):
        async with (
            ScriptedWebSocketServer(handshake=None) as server,
            anyio.create_task_group() as group,
        ):
            entered = Call(group, enter, server, websocket_key=KEY)
            peer = await server.accept()
            await peer.upgrade()
            assert peer.request is not None
            headers = peer.request.headers
            assert "Sec-WebSocket-Extensions" not in headers
            assert "Sec-WebSocket-Protocol" not in headers
            assert headers["Host"] == f"127.0.0.1:{server.port}"
            assert peer.request.path == "/"
            greeting = await peer.next()
            assert (greeting.proto_id, KEY.encode() in greeting.body) == (1, False)
            await peer.reply(greeting, error_reply(-1, "not today"))
            assert str(await entered.error()).startswith(
                f"cannot connect to OpenD at 127.0.0.1:{server.port}: OpenD refused: not today; "
            )


async def enter(server: ScriptedWebSocketServer, **options: Any) -> None:
    async with server.connect(**options):
        pass


async def test_the_upgrade_may_arrive_byte_by_byte_and_with_more_data() -> None:
    with anyio.fail_after(30):
        async with (
            ScriptedWebSocketServer(handshake=None) as server,
            anyio.create_task_group() as group,
        ):
            entered = Call(group, enter, server)
            peer = await server.accept()
            protocol = peer.protocol
            protocol.send_response(await peer.acceptance())
            protocol.send_ping(b"early")
            (*response, ping) = protocol.data_to_send()
            data = b"".join(response) + ping
            for at in range(40):
                await peer.send(data[at : at + 1])
            await peer.send(data[40:])
            greeting = await peer.next()
            assert bytes((await peer.next_control_frame()).data) == b"early"
            await peer.reply(greeting, init_reply(1))
            assert await entered.value() is None


# Other servers


async def refused(port: int, scheme: str = "ws", **options: Any) -> HandshakeError:
    """Return the error of connecting there."""
    with pytest.raises(HandshakeError) as caught:
        async with aiocapdist.connect(f"{scheme}://127.0.0.1:{port}", **options):
            raise AssertionError("it must not connect")
    error = caught.value
    assert (error.host, error.port) == ("127.0.0.1", port)
    if scheme == "ws":
        assert error.hint.startswith("check that this is OpenD's WebSocket port")
    return error


SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\n"
BROKEN = "the handshake failed: the upgrade to WebSocket failed: "
NO_HTTP = f"{BROKEN}did not receive a valid HTTP response"


@pytest.mark.parametrize(
    ("pieces", "stay", "reason"),
    [
        ((b"\r\n\r\n",), True, NO_HTTP),
        ((b"hello, who is there?\r\n",), True, NO_HTTP),
        ((bytes(range(256)),), True, NO_HTTP),
        ((b"x" * 100_000,), True, "bytes, expected no more than 8192 bytes"),
        ((b"HTTP/1.1 101 Switch",), False, NO_HTTP),
        ((), False, NO_HTTP),
        (
            *((NOT_FOUND, b"Content-Length: 0\r\n\r\n"), True),
            "server rejected WebSocket connection: HTTP 404",
        ),
        (
            *((NOT_FOUND, b"\r\nlook elsewhere"), False),
            "server rejected WebSocket connection: HTTP 404",
        ),
        (
            *((b"HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",), True),
            "server rejected WebSocket connection: HTTP 301",
        ),
        ((SWITCHING, b"\r\n"), True, "missing Sec-WebSocket-Accept header"),
        (
            *((SWITCHING, b"Sec-WebSocket-Accept: c2VudGluZWw=\r\n\r\n"), True),
            "invalid Sec-WebSocket-Accept header: c2VudGluZWw=",
        ),
    ],
    ids=[
        *("empty lines", "text", "bytes", "long", "cut off", "hung up", "404"),
        *("404 and gone", "301", "nothing accepted", "wrongly accepted"),
    ],
)
async def test_a_peer_that_is_no_websocket_is_an_error_at_once(
    pieces: tuple[bytes, ...], stay: bool, reason: str
) -> None:
    with anyio.fail_after(30):
        async with tcp_server(replying(*pieces, stay=stay)) as port:
            error = await refused(port)
    assert error.reason.startswith(BROKEN)
    assert error.reason.endswith(reason)


async def test_an_extension_that_was_not_requested_is_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aiocapdist._connection.probe._TIMEOUT", 0.2)  # the peer says no more
    with anyio.fail_after(30):
        async with (
            ScriptedWebSocketServer(handshake=None) as server,
            anyio.create_task_group() as group,
        ):
            entered = Call(group, enter, server)
            peer = await server.accept()
            response = await peer.acceptance()
            response.headers["Sec-WebSocket-Extensions"] = "permessage-deflate"
            await peer.send(response.serialize())
            error = await entered.error()
    assert isinstance(error, HandshakeError)
    assert error.reason == f"{BROKEN}no extensions supported"


# On a busy machine all of the timeout may pass before the peer has accepted.
TOO_LATE = {"the handshake failed: no reply in time", "no answer within 0.3 s"}


async def test_silence_after_the_request_ends_within_the_timeout() -> None:
    with anyio.fail_after(30):
        async with tcp_server(replying()) as port:
            error = await refused(port, connect_timeout=0.3)
    assert error.reason in TOO_LATE


async def test_silence_within_the_upgrade_ends_within_the_timeout() -> None:
    with anyio.fail_after(30):
        async with tcp_server(replying(SWITCHING)) as port:
            error = await refused(port, connect_timeout=0.3)
    assert error.reason in TOO_LATE


async def test_silence_after_the_upgrade_ends_within_the_timeout() -> None:
    with anyio.fail_after(30):
        async with ScriptedWebSocketServer(handshake="upgrade") as server:
            error = await refused(server.port, connect_timeout=0.3)
    assert error.reason in TOO_LATE


# OpenD's other port


async def test_the_tcp_port_is_no_websocket_port() -> None:
    with anyio.fail_after(30):
        async with Simulator() as opend:
            error = await refused(opend.port)
    assert error.reason == NO_HTTP


async def test_the_websocket_port_is_no_tcp_port() -> None:
    with anyio.fail_after(30):
        async with Simulator(websocket=True) as opend:
            error = await refused(opend.websocket_port, "tcp")
            port = opend.websocket_port
    assert error.reason == "the handshake failed: the peer speaks HTTP, not OpenD's protocol"
    assert error.hint == f"if OpenD's WebSocket port is {port}, use ws://; else check the port"
