"""WebSockets over TLS: certificates, confidentiality, servers without TLS."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream

import aiocapdist
from aiocapdist import ConnectError, HandshakeError
from aiocapdist.simulator import Simulator

from ..support.tcp_server import Handler, forward, hang_up, replying, tcp_server
from ..support.transports import WEBSOCKET_KEY, certificate_authority, client_tls, server_tls
from ..support.waiting import Call, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("patient_probe")]
TRUST = "give an ssl_context that trusts it, made from OpenD's certificate"
NO_TLS = "check that OpenD's WebSocket port has TLS switched on; if not, use ws://"


def secure(server: ssl.SSLContext | None = None) -> Simulator:
    return Simulator(
        websocket=True, websocket_key=WEBSOCKET_KEY, ssl_context=server or server_tls()
    )


async def refused(
    address: str, context: ssl.SSLContext | None = None, **options: Any
) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        async with aiocapdist.connect(
            address, websocket_key=WEBSOCKET_KEY, ssl_context=context, **options
        ):
            raise AssertionError("nobody to trust is there")
    return caught.value


# Certificates


async def test_an_untrusted_certificate_is_rejected_by_default() -> None:
    with anyio.fail_after(30):
        async with secure() as opend:
            error = await refused(f"wss://127.0.0.1:{opend.websocket_port}")
            assert opend.requests == [], "the key was not sent"
    assert type(error) is ConnectError
    assert error.reason.startswith("its certificate is not trusted: ")
    assert error.hint == TRUST
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_certificate_trusted_by_the_context_is_accepted_under_its_names(host: str) -> None:
    with anyio.fail_after(30):
        async with secure() as opend:
            address = f"wss://{host}:{opend.websocket_port}"
            async with aiocapdist.connect(
                address, websocket_key=WEBSOCKET_KEY, ssl_context=client_tls()
            ) as client:
                assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
                assert client.status.encrypted


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (["other.example"], "127.0.0.1"),
        (["other.example"], "localhost"),
        (["127.0.0.1"], "localhost"),
        (["localhost"], "127.0.0.1"),
    ],
)
async def test_the_certificate_of_another_host_is_rejected(names: list[str], host: str) -> None:
    with anyio.fail_after(30):
        async with secure(server_tls(*names)) as opend:
            error = await refused(f"wss://{host}:{opend.websocket_port}", client_tls())
            assert opend.requests == []
    assert "mismatch" in error.reason
    assert host in error.reason
    assert error.hint == "connect by a name that is in the certificate"


async def test_an_expired_certificate_is_rejected() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old = certificate_authority().issue_cert(
        "127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC)
    )
    old.configure_cert(context)
    with anyio.fail_after(30):
        async with secure(context) as opend:
            error = await refused(f"wss://127.0.0.1:{opend.websocket_port}", client_tls())
    assert error.reason == "its certificate is not trusted: certificate has expired"
    assert error.hint == TRUST


async def test_verification_can_be_disabled_by_a_context_only() -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with anyio.fail_after(30):
        async with secure(server_tls("other.example")) as opend:
            address = f"wss://127.0.0.1:{opend.websocket_port}"
            async with aiocapdist.connect(
                address, websocket_key=WEBSOCKET_KEY, ssl_context=context
            ) as client:
                assert (await client.global_state()).conn_id == 1


# Confidentiality


@pytest.mark.parametrize("sealed", [True, False], ids=["wss", "ws"])
async def test_nothing_can_be_read_on_the_way(sealed: bool) -> None:
    """With ws:// everything can be read, which shows that the test works."""
    heard = bytearray()
    context = server_tls() if sealed else None
    async with Simulator(websocket=True, ssl_context=context) as opend:
        async with tcp_server(lambda stream: forward(stream, opend.websocket_port, heard)) as port:
            with anyio.fail_after(30):
                async with aiocapdist.connect(
                    f"{'wss' if sealed else 'ws'}://127.0.0.1:{port}",
                    client_id="sentinel-client",
                    ssl_context=client_tls() if sealed else None,
                ) as client:
                    await client.capital_distribution("HK.00700")
    assert len(heard) > 500
    for said in (b"GET / HTTP", b"101 Switching", b"ft-v1.0"):
        assert (said in heard) is not sealed


# Servers without TLS


@pytest.mark.parametrize(
    "handler", [hang_up, replying(stay=False)], ids=["at once", "having heard it"]
)
async def test_a_peer_that_closes_during_the_tls_handshake_speaks_no_tls(handler: Handler) -> None:
    with anyio.fail_after(30):
        async with tcp_server(handler) as port:
            error = await refused(f"wss://127.0.0.1:{port}", client_tls())
    assert (error.reason, error.hint) == (
        "the peer closed the connection during the TLS handshake",
        NO_TLS,
    )


async def test_a_reply_in_clear_text_is_no_tls() -> None:
    with anyio.fail_after(30):
        async with tcp_server(replying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
            error = await refused(f"wss://127.0.0.1:{port}", client_tls())
    assert error.reason.startswith("TLS failed: ")
    assert error.hint == NO_TLS


async def test_a_silent_tls_handshake_ends_within_the_timeout() -> None:
    with anyio.fail_after(30):
        async with tcp_server(replying()) as port:
            error = await refused(f"wss://127.0.0.1:{port}", client_tls(), connect_timeout=0.05)
    assert error.reason == "no answer within 0.05 s"


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_cancelling_a_connect_leaves_nothing_open(scheme: str) -> None:
    heard, left = anyio.Event(), anyio.Event()

    async def wait_for_the_end(stream: ByteStream) -> None:
        await stream.receive()
        heard.set()
        with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await stream.receive()
        left.set()

    async def enter(port: int) -> None:
        context = client_tls() if scheme == "wss" else None
        async with aiocapdist.connect(f"{scheme}://127.0.0.1:{port}", ssl_context=context):
            raise AssertionError("nobody lets us in")

    with anyio.fail_after(30):
        async with tcp_server(wait_for_the_end) as port, anyio.create_task_group() as group:
            group.start_soon(enter, port)
            await heard.wait()
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await left.wait()


async def test_wss_to_a_port_without_tls_is_explained() -> None:
    with anyio.fail_after(30):
        async with Simulator(websocket=True) as opend:
            for port in (opend.websocket_port, opend.port):
                error = await refused(f"wss://127.0.0.1:{port}", client_tls())
                assert error.hint == NO_TLS


async def test_ws_to_a_port_with_tls_is_explained() -> None:
    with anyio.fail_after(30):
        async with secure() as opend:
            error = await refused(f"ws://127.0.0.1:{opend.websocket_port}")
    assert isinstance(error, HandshakeError)
    assert error.reason.endswith("the peer speaks TLS, not OpenD's protocol")
    assert "use wss://" in error.hint


async def test_a_failed_tls_handshake_of_a_reconnect_is_retried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As an OpenD does that restarts: the client reconnects, and the call is answered."""
    monkeypatch.setattr("aiocapdist._protocol.backoff.FIRST", 0.01)
    monkeypatch.setattr("aiocapdist._protocol.backoff.BASE", 0.01)
    arrived = 0
    async with secure() as opend, anyio.create_task_group() as group:

        async def talk(stream: ByteStream) -> None:
            nonlocal arrived
            arrived += 1
            if arrived not in (2, 3):
                await forward(stream, opend.websocket_port)

        with anyio.fail_after(30):
            async with (
                tcp_server(talk) as port,
                aiocapdist.connect(
                    f"wss://127.0.0.1:{port}",
                    websocket_key=WEBSOCKET_KEY,
                    ssl_context=client_tls(),
                ) as client,
            ):
                opend.disconnect_all()
                await until(lambda: client.status.state == "reconnecting")
                call = Call(group, client.capital_distribution, "HK.00700")
                assert (await call.value()).code == "HK.00700"
                assert arrived == 4
