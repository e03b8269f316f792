"""Ports of other programs are named, soon, in the error of connect()."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream

import aiocapdist
from aiocapdist import HandshakeError
from aiocapdist._connection import probe
from aiocapdist._protocol.foreign import protocol_of
from aiocapdist.simulator import Simulator

from ..support.scripted_server import ScriptedServer, init_reply
from ..support.tcp_server import tcp_server
from ..support.transports import server_tls

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("patient_probe")]
Handler = Callable[[ByteStream], Any]


async def redis(stream: ByteStream) -> None:
    """Answers whole lines without a NUL; to anything else it stays silent."""
    async with stream:
        while True:
            line, end, _ = (await stream.receive()).partition(b"\r\n")
            if end and b"\0" not in line:
                await stream.send(b"-ERR wrong number of arguments for 'get' command\r\n")


async def redis_with_a_password(stream: ByteStream) -> None:
    async with stream:
        while True:
            line, end, _ = (await stream.receive()).partition(b"\r\n")
            if end and b"\0" not in line:
                await stream.send(b"-NOAUTH Authentication required.\r\n")


async def ssh(stream: ByteStream) -> None:
    async with stream:
        await stream.send(b"SSH-2.0-OpenSSH_9.6\r\n")
        await stream.receive()


async def http(stream: ByteStream) -> None:
    async with stream:
        await stream.receive()
        await stream.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


async def tls(stream: ByteStream) -> None:
    """As OpenSSL: it closes on anything that is no TLS hello."""
    from anyio.streams.tls import TLSStream

    try:
        async with await TLSStream.wrap(stream, ssl_context=server_tls(), server_side=True):
            pass
    except (ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream):
        await anyio.aclose_forcefully(stream)


async def hung(stream: ByteStream) -> None:
    async with stream:
        await anyio.sleep_forever()


async def closing(stream: ByteStream) -> None:
    await stream.aclose()


async def error_of_connecting(handler: Handler, scheme: str = "tcp") -> tuple[HandshakeError, int]:
    with anyio.fail_after(30):
        async with tcp_server(handler) as port:
            with pytest.raises(HandshakeError) as caught:
                async with aiocapdist.connect(f"{scheme}://127.0.0.1:{port}", connect_timeout=30.0):
                    raise AssertionError("it must not connect")
    return caught.value, port


@pytest.mark.parametrize(
    ("handler", "protocol", "hint"),
    [
        (redis, "Redis", "check the port: OpenD's port is not {}"),
        (redis_with_a_password, "Redis", "check the port: OpenD's port is not {}"),
        (ssh, "SSH", "check the port: OpenD's port is not {}"),
        (http, "HTTP", "if OpenD's WebSocket port is {}, use ws://; else check the port"),
        (tls, "TLS", "if OpenD's WebSocket port is {}, use wss://; else check the port"),
    ],
)
async def test_another_program_is_named_long_before_the_connect_timeout(
    handler: Handler, protocol: str, hint: str
) -> None:
    error, port = await error_of_connecting(handler)
    assert error.reason == (
        f"the handshake failed: the peer speaks {protocol}, not OpenD's protocol"
    )
    assert error.hint == hint.format(port)


async def test_a_websocket_port_with_tls_is_named_to_a_client_without_tls() -> None:
    error, port = await error_of_connecting(tls, "ws")
    assert error.reason.endswith("the peer speaks TLS, not OpenD's protocol")
    assert error.hint == f"if OpenD's WebSocket port is {port}, use wss://; else check the port"


async def test_opends_websocket_port_is_named_to_a_tcp_client() -> None:
    with anyio.fail_after(30):
        async with Simulator(websocket=True) as opend:
            with pytest.raises(HandshakeError, match=r"use ws://") as caught:
                async with aiocapdist.connect(port=opend.websocket_port):
                    raise AssertionError("it must not connect")
    assert "speaks HTTP" in caught.value.reason


async def test_a_peer_that_closes_and_tells_nothing_is_not_named() -> None:
    error, _ = await error_of_connecting(closing)
    assert error.reason in (
        "the handshake failed: OpenD closed the connection",
        "the handshake failed: Connection reset by peer",
    )


async def test_a_peer_that_never_speaks_is_a_timeout() -> None:
    with anyio.fail_after(30):
        async with tcp_server(hung) as port:
            with pytest.raises(HandshakeError, match="no reply in time"):
                async with aiocapdist.connect(port=port, connect_timeout=2.5):
                    raise AssertionError("it must not connect")


async def test_a_slow_opend_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is probed, which tells nothing, and then it answers."""
    monkeypatch.setattr(probe, "_TIMEOUT", 0.2)
    monkeypatch.setattr("aiocapdist._connection.probe.SILENCE", 0.01)
    with anyio.fail_after(30):
        async with (
            ScriptedServer(handshake=False) as server,
            anyio.create_task_group() as group,
        ):
            connected = anyio.Event()

            async def connect() -> None:
                async with server.connect():
                    connected.set()

            group.start_soon(connect)
            peer = await server.accept()
            probes = [await server.accept() for _ in range(2)]
            request = await peer.next()
            await peer.reply(request, init_reply(1))
            await connected.wait()
            assert len(probes) == 2


async def test_a_working_opend_is_not_probed() -> None:
    with anyio.fail_after(30):
        async with ScriptedServer() as server, server.connect():
            await server.accept()
            with pytest.raises(anyio.WouldBlock):
                server._accepted.receive_nowait()


@pytest.mark.parametrize(
    ("data", "protocol"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x46", "TLS"),
        (b"-ERR unknown command\r\n", "Redis"),
        (b"220 mail ready\r\n", "SMTP or FTP"),
        (b"FT", None),
        (b"", None),
    ],
)
def test_protocols_are_told_by_their_first_bytes(data: bytes, protocol: str | None) -> None:
    assert protocol_of(data) == protocol
