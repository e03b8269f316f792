"""Told to encrypt, it never falls back to the clear; and what is altered on the way is not used."""

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


# ---- never in the clear


async def assert_only_a_sealed_greeting(peer: EncryptedPeer) -> None:
    """All that came, to the last byte, is one frame, and its body is RSA blocks."""
    (frame,) = await peer.remaining_frames()
    assert frame.proto_id == 1001
    assert len(frame.body) % 128 == 0
    body = Rsa(rsa_key()).decrypt(frame.body)
    assert init_connect_pb2.Request.FromString(body).c2s.clientID == "aiocapdist"


@each_cipher
async def test_an_answer_in_the_clear_is_refused_and_nothing_more_is_sent(cipher: Any) -> None:
    with anyio.fail_after(5):
        async with EncryptedServer(cipher, clear=[1]) as server:
            with pytest.raises(HandshakeError) as caught:
                async with server.connect():
                    raise AssertionError("this must never be")
            await assert_only_a_sealed_greeting(await server.accept())
    assert caught.value.reason == (
        "the handshake failed: OpenD answered in the clear, although encryption was asked for"
    )
    assert caught.value.hint == KEY_HINT


@each_cipher
async def test_neither_does_a_reconnecting_client_fall_back(
    cipher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenD comes back without its key, twice; then with it. The call waits for the latter."""
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
                await assert_only_a_sealed_greeting(await server.accept())
                assert not call.ended
            peer = await server.accept()
            frame, same = await peer.next_request()
            assert same == question
            await peer.encrypted_reply(frame, figures_reply(5.0))
            assert (await call.value()).capital_in_big == 5.0
            assert client.status.reconnects == 1


# ---- altered on the way


def flipped(sealed: bytes) -> bytes:
    return bytes([sealed[0] ^ 1]) + sealed[1:]


def shortened(sealed: bytes) -> bytes:
    return sealed[:-16]


def emptied(sealed: bytes) -> bytes:
    return b""


@each_cipher
@pytest.mark.parametrize("alter", [flipped, shortened, emptied])
async def test_an_altered_message_ends_the_connection_with_one_reason_for_all(
    cipher: Any, alter: Any
) -> None:
    with anyio.fail_after(5):
        async with (
            EncryptedServer(cipher) as server,
            server.connect(reconnect=False) as client,
            anyio.create_task_group() as group,
        ):
            peer = await server.accept()
            calls = [Call(group, client.capital_distribution, f"HK.{n:05d}") for n in range(3)]
            frames = [(await peer.next_request())[0] for _ in calls]
            await peer.encrypted_reply(frames[1], figures_reply(), alter)
            errors = [await call.error() for call in calls]
            assert client.status.state == "closed"
            assert await peer.remaining_frames() == [], "it says nothing in return"
    for error in errors:
        assert isinstance(error, ConnectionLost)
        assert (error.reason, error.sent) == ("a message could not be decrypted", True)
    assert len({id(error.__cause__) for error in errors}) == 1


@each_cipher
async def test_the_reads_are_sent_again_over_another_connection(
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
