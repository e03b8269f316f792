"""Encryption over real sockets: with the same key, another one, none."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import HandshakeError, Notice
from aiocapdist._pb import keep_alive_pb2
from aiocapdist._protocol.frames import digest_of
from aiocapdist.simulator import Simulator

from .._protocol.peer import frames_in, notice
from ..support.encrypted_server import KEY_HINT
from ..support.scripted_server import ScriptedServer
from ..support.tcp_server import forward, tcp_server
from ..support.transports import rsa_pem

pytestmark = pytest.mark.anyio
each_cipher = pytest.mark.parametrize("cipher", ["aes-cbc", "ftaes-ecb"])


# The right key


@pytest.mark.parametrize(
    ("bits", "cipher"),
    # Checking a key takes most of the time: not all combinations are tested.
    [(1024, "aes-cbc"), (2048, "ftaes-ecb"), (3072, "aes-cbc"), (4096, "ftaes-ecb")],
)
async def test_keys_of_all_sizes_work_with_handshakes_of_any_length(bits: int, cipher: Any) -> None:
    """A client id of 250 bytes makes at least three pieces of 100 bytes."""
    with anyio.fail_after(60):
        async with (
            Simulator(rsa_key=rsa_pem(bits)) as opend,
            aiocapdist.connect(
                port=opend.port, rsa_key=rsa_pem(bits), cipher=cipher, client_id="x" * 250
            ) as client,
        ):
            assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
            assert client.status.encrypted
            assert [request.outcome for request in opend.requests] == ["answered"] * 2


@each_cipher
async def test_nothing_can_be_read_on_the_way(cipher: Any) -> None:
    heard = bytearray()
    async with Simulator(rsa_key=rsa_pem(), now=lambda: 1_700_000_000.0) as opend:
        async with tcp_server(lambda stream: forward(stream, opend.port, heard)) as port:
            with anyio.fail_after(5):
                async with aiocapdist.connect(
                    port=port, rsa_key=rsa_pem(), cipher=cipher, client_id="sentinel-client"
                ) as client:
                    await client.capital_distribution("HK.00700")
    frames = frames_in(bytes(heard))
    assert [frame.proto_id for frame in frames] == [1001, 1001, 3212, 3212]
    for frame in frames:
        assert digest_of(frame.body) != frame.digest
        # Long enough to be in no random bytes: three bytes once were.
        for said in (b"sentinel", b"00700", b"2023-11-14"):
            assert said not in frame.body


def text_of(body: bytes) -> keep_alive_pb2.Response:
    length = keep_alive_pb2.Request.FromString(body).c2s.time
    return keep_alive_pb2.Response(retType=0, retMsg="x" * length, errCode=0)


@each_cipher
async def test_replies_of_any_length_are_decrypted(cipher: Any) -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(rsa_key=rsa_pem(), answers={4000: text_of}) as opend,
            aiocapdist.connect(port=opend.port, rsa_key=rsa_pem(), cipher=cipher) as client,
        ):
            for length in range(50):
                message = keep_alive_pb2.Request(c2s=keep_alive_pb2.C2S(time=length))
                got = await client.request(4000, message, keep_alive_pb2.Response)
                assert got.retMsg == "x" * length


@each_cipher
async def test_an_encrypted_notice_becomes_an_event(cipher: Any) -> None:
    (frame,) = frames_in(notice())
    with anyio.fail_after(5):
        async with (
            Simulator(rsa_key=rsa_pem()) as opend,
            aiocapdist.connect(port=opend.port, rsa_key=rsa_pem(), cipher=cipher) as client,
        ):
            events = client.events()
            assert isinstance(await anext(events), aiocapdist.Connected)
            opend.push(1003, frame.body)
            told = await anext(events)
    assert isinstance(told, Notice)
    assert (told.quote_logged_in, told.trade_logged_in) == (False, True)


# Another key, or none


async def refused(port: int, **options: Any) -> HandshakeError:
    with pytest.raises(HandshakeError) as caught:
        async with aiocapdist.connect(port=port, **options):
            raise AssertionError("there is no understanding here")
    return caught.value


@each_cipher
@pytest.mark.parametrize("bits", [1024, 2048])
async def test_another_key_is_explained_with_a_hint(bits: int, cipher: Any) -> None:
    with anyio.fail_after(5):
        async with Simulator(rsa_key=rsa_pem()) as opend:
            other = rsa_pem(bits, number=1)
            error = await refused(opend.port, rsa_key=other, cipher=cipher)
            assert [request.outcome for request in opend.requests] == ["damaged"]
    assert error.hint == KEY_HINT


async def test_an_opend_that_expects_encryption_is_explained_with_a_hint() -> None:
    with anyio.fail_after(5):
        async with Simulator(rsa_key=rsa_pem()) as opend:
            error = await refused(opend.port)
    assert "whether OpenD expects encryption (then give rsa_key)" in error.hint


async def test_an_opend_without_a_key_is_explained_with_a_hint() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend:
            error = await refused(opend.port, rsa_key=rsa_pem())
    assert error.hint == KEY_HINT


async def test_an_opend_that_does_not_answer_an_encrypted_handshake_is_a_timeout() -> None:
    with anyio.fail_after(5):
        async with ScriptedServer(handshake=False) as server:
            error = await refused(server.port, rsa_key=rsa_pem(), connect_timeout=0.8)
    assert error.reason == "the handshake failed: no reply in time"
    assert error.hint == KEY_HINT
