"""Keys are in no log, no repr, no error's text, no traceback and no pickle, whatever happens.

The keys here are sentinels, looked for as they are, in hex and in base64, and the WebSocket
key as its MD5 too, which lets in as the key itself does. Logging is at its noisiest.
"""

from __future__ import annotations

import base64
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist.simulator import Simulator
from aiocapdist.simulator._tcp_codec import TcpCodec

from .._protocol.encrypted import AES_KEY
from ..support.encrypted_server import EncryptedServer
from ..support.scripted_server import figures_reply
from ..support.scripted_websocket import ScriptedWebSocketServer
from ..support.secret_scan import (
    AES_SENTINEL,
    WS_MD5,
    WS_SENTINEL,
    Observer,
    secrets_in,
)
from ..support.transports import client_tls, rsa_key, rsa_pem, server_tls
from ..support.waiting import Call, until

pytestmark = pytest.mark.anyio


async def use(client: aiocapdist.Client, opend: Simulator, observer: Observer) -> None:
    """A bit of everything: calls, a sweep, events, an error, a reconnect."""
    events = client.events()
    observer.record(await client.capital_distribution("HK.00700"), await client.global_state())
    async with observer.expect(aiocapdist.UnknownSecurity):
        await client.capital_distribution("HK.99999")
    sweep = client.capital_distributions(["HK.00001", "HK.99999", "bad"])
    observer.record(sweep, *[outcome async for outcome in sweep])
    opend.disconnect_all()
    await until(lambda: client.status.reconnects == 1)
    observer.record(client, client.status, client.quota, events, opend, *opend.requests)
    for _ in range(4):
        observer.record(await anext(events))


@pytest.mark.parametrize("cipher", ["aes-cbc", "ftaes-ecb"])
async def test_nothing_is_shown_of_rsa_and_aes_keys_while_all_is_well(
    cipher: Any, observer: Observer
) -> None:
    with anyio.fail_after(10):
        async with Simulator(rsa_key=rsa_pem()) as opend:
            connecting = aiocapdist.connect(port=opend.port, rsa_key=rsa_pem(), cipher=cipher)
            async with connecting as client:
                await use(client, opend, observer)
            observer.record(connecting, client)
            async with observer.expect(aiocapdist.ClientClosed):
                await client.global_state()
    observer.assert_no_secret_shown()


async def test_nothing_is_shown_of_them_when_all_goes_wrong(
    observer: Observer, tmp_path: Any
) -> None:
    pem, other = rsa_pem(), rsa_pem(number=1)
    locked = tmp_path / "damaged.pem"
    locked.write_bytes(pem[:-200])
    with anyio.fail_after(10):
        for key in (pem.decode(), "".join(pem.decode().splitlines()[1:-1]), pem[:-200], locked):
            async with observer.expect(aiocapdist.InvalidKey):
                await enter(aiocapdist.connect(rsa_key=key))
        async with Simulator(rsa_key=pem) as opend:
            for wrong in (other, None):
                async with observer.expect(aiocapdist.HandshakeError):
                    await enter(aiocapdist.connect(port=opend.port, rsa_key=wrong))
        async with EncryptedServer("aes-cbc", clear=[1]) as server:
            async with observer.expect(aiocapdist.HandshakeError):
                await enter(server.connect())
            async with (
                server.connect(reconnect=False, attempts=1) as client,
                anyio.create_task_group() as group,
            ):
                await server.accept()
                peer = await server.accept()
                call = Call(group, client.capital_distribution, "HK.00700")
                frame, _ = await peer.next_request()
                await peer.encrypted_reply(frame, figures_reply(), lambda sealed: sealed[::-1])
                observer.errors.append(await call.error())
    observer.assert_no_secret_shown()


@pytest.mark.parametrize("key", [AES_SENTINEL * 2, AES_SENTINEL[:15]])
async def test_nothing_is_shown_of_an_aes_key_that_is_none(
    observer: Observer, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Simulator, "_tcp_codec", lambda self: TcpCodec(self._handler, self._rsa_key, key, key)
    )
    # The simulator itself cannot go on with such a key, but its answer is on the way.
    monkeypatch.setattr(TcpCodec, "handshake_completed", lambda self: None)
    with anyio.fail_after(10):
        async with Simulator(rsa_key=rsa_pem()) as opend:
            async with observer.expect(aiocapdist.HandshakeError):
                await enter(aiocapdist.connect(port=opend.port, rsa_key=rsa_pem()))
    assert "no usable key" in str(observer.errors[0])
    observer.assert_no_secret_shown()


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_nothing_is_shown_of_a_websocket_key(scheme: str, observer: Observer) -> None:
    context = server_tls() if scheme == "wss" else None
    options: dict[str, Any] = {"ssl_context": client_tls()} if context else {}
    with anyio.fail_after(10):
        async with Simulator(
            websocket=True, websocket_key=WS_SENTINEL, ssl_context=context
        ) as opend:
            address = f"{scheme}://127.0.0.1:{opend.websocket_port}"
            right = aiocapdist.connect(address, websocket_key=WS_SENTINEL, **options)
            async with right as client:
                await use(client, opend, observer)
            observer.record(right, client)
            async with observer.expect(aiocapdist.HandshakeError):
                await enter(aiocapdist.connect(address, websocket_key=WS_SENTINEL[1:], **options))
            async with observer.expect(aiocapdist.ConnectError):
                swapped = "ws" if scheme == "wss" else "wss"
                wrong = address.replace(scheme, swapped)
                await enter(aiocapdist.connect(wrong, websocket_key=WS_SENTINEL))
        async with Simulator(websocket=True, websocket_key="another") as opend:
            address = f"ws://127.0.0.1:{opend.websocket_port}"
            async with observer.expect(aiocapdist.HandshakeError):
                await enter(aiocapdist.connect(address, websocket_key=WS_SENTINEL))
        async with observer.expect(ValueError):
            aiocapdist.connect(websocket_key=WS_SENTINEL)
        async with ScriptedWebSocketServer(handshake="upgrade") as server:
            async with observer.expect(aiocapdist.ConnectError):
                await enter(server.connect(websocket_key=WS_SENTINEL, connect_timeout=0.1))
    observer.assert_no_secret_shown()


async def enter(connecting: Any) -> None:
    async with connecting:
        raise AssertionError("this was not to work")


def test_they_would_be_found() -> None:
    assert secrets_in("nothing here") == set()
    for text in (f"key={AES_SENTINEL!r}", AES_SENTINEL.encode().hex(), AES_KEY):
        assert secrets_in(text)
    for n in range(3):
        assert secrets_in(base64.b64encode(f"{'x' * n}{WS_SENTINEL}yz".encode()).decode())
    assert secrets_in(f"key={WS_MD5.hexdigest()}") == {"ws key's MD5 in hex"}
    assert secrets_in(rsa_pem().decode()) == {"RSA key's text"}
    assert secrets_in(repr(rsa_key().private_numbers().p)) == {"RSA key's numbers"}
