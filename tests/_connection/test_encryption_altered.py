"""With rsa_key nothing is ever sent in clear text, and altered messages are not used."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from aiocapdist import ConnectionLost, HandshakeError
from aiocapdist._pb import init_connect_pb2
from aiocapdist._protocol.ciphers import Rsa

from ..support.encrypted_server import KEY_HINT, EncryptedPeer, EncryptedServer
from ..support.scripted_server import figures_reply
from ..support.transports import rsa_key
from ..support.waiting import Call

pytestmark = pytest.mark.anyio
each_cipher = pytest.mark.parametrize("cipher", ["aes-cbc", "ftaes-ecb"])


# No clear text


async def assert_only_an_encrypted_handshake(peer: EncryptedPeer) -> None:
    """All bytes received are one frame, and its body is RSA blocks."""
    (frame,) = await peer.remaining_frames()
    assert frame.proto_id == 1001
    assert len(frame.body) % 128 == 0
    body = Rsa(rsa_key()).decrypt(frame.body)
    assert init_connect_pb2.Request.FromString(body).c2s.clientID == "aiocapdist"


@each_cipher
async def test_a_handshake_reply_in_clear_text_fails_and_nothing_more_is_sent(cipher: Any) -> None:
    with anyio.fail_after(5):
        async with EncryptedServer(cipher, clear=[1]) as server:
            with pytest.raises(HandshakeError) as caught:
                async with server.connect():
                    raise AssertionError("it must not connect")
            await assert_only_an_encrypted_handshake(await server.accept())
    assert caught.value.reason == (
        "the handshake failed: OpenD answered in the clear, although encryption was requested"
    )
    assert caught.value.hint == KEY_HINT


@each_cipher
async def test_a_reconnecting_client_does_not_fall_back_to_clear_text(
    cipher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenD comes back without its key twice, then with it: only then the call is answered."""
    monkeypatch.setattr("aiocapdist._protocol.backoff.FIRST", 0.01)
    monkeypatch.setattr("aiocapdist._protocol.backoff.BASE", 0.01)
    with anyio.fail_after(5):
        async with (
            EncryptedServer(cipher, clear=[2, 3]) as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            _, question = await peer.next_request()
            await peer.hang_up()
            for _ in range(2):
                await assert_only_an_encrypted_handshake(await server.accept())
                assert not call.ended
            peer = await server.accept()
            frame, same = await peer.next_request()
            assert same == question
            await peer.encrypted_reply(frame, figures_reply(5.0))
            assert (await call.value()).capital_in_big == 5.0
            assert client.status.reconnects == 1


# Altered messages


def flipped(encrypted: bytes) -> bytes:
    return bytes([encrypted[0] ^ 1]) + encrypted[1:]


def shortened(encrypted: bytes) -> bytes:
    return encrypted[:-16]


def emptied(encrypted: bytes) -> bytes:
    return b""


@each_cipher
@pytest.mark.parametrize("alter", [flipped, shortened, emptied])
async def test_an_altered_reply_ends_the_connection_always_with_the_same_error(
    cipher: Any, alter: Any
) -> None:
    with anyio.fail_after(5):
        async with (
            EncryptedServer(cipher) as server,
            server.connect(reconnect=False) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            calls, frames = [], []
            for n in range(3):
                calls.append(Call(group, client.capital_distribution, f"HK.{n:05d}"))
                frames.append((await peer.next_request())[0])
            await peer.encrypted_reply(frames[1], figures_reply(), alter)
            errors = [await call.error() for call in calls]
            assert client.status.state == "closed"
            assert await peer.remaining_frames() == [], "nothing is sent in return"
    for error in errors:
        assert isinstance(error, ConnectionLost)
        assert (error.reason, error.sent) == ("a message could not be decrypted", True)


@each_cipher
async def test_after_an_altered_reply_the_request_is_sent_again_over_another_connection(
    cipher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiocapdist._protocol.backoff.FIRST", 0.01)
    with anyio.fail_after(5):
        async with (
            EncryptedServer(cipher) as server,
            server.connect() as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            call = Call(group, client.capital_distribution, "HK.00700")
            frame, question = await peer.next_request()
            await peer.encrypted_reply(frame, figures_reply(1.0), flipped)
            peer = await server.accept()
            frame, same = await peer.next_request()
            assert same == question
            await peer.encrypted_reply(frame, figures_reply(2.0))
            assert (await call.value()).capital_in_big == 2.0
