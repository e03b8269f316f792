"""The simulator with an RSA key."""

from __future__ import annotations

import anyio
import pytest

from aiocapdist import InvalidKey
from aiocapdist._pb import capital_distribution_pb2
from aiocapdist.simulator import Simulator

from ..support.transports import rsa_pem
from ..support.waiting import until
from .raw import distribution_request, frame, global_state_request, keep_alive_request, raw_client
from .raw import handshake_request as clear_handshake_request
from .raw_encrypted import (
    AES_CBC,
    CLEAR,
    FTAES_ECB,
    NO_ENCRYPTION,
    cbc,
    encrypted_client,
    handshake_request,
    rsa,
)

pytestmark = pytest.mark.anyio
each_algorithm = pytest.mark.parametrize("asked", [AES_CBC, FTAES_ECB, NO_ENCRYPTION])


def outcomes(opend: Simulator) -> list[str]:
    return [request.outcome for request in opend.requests]


@each_algorithm
async def test_replies_use_the_algorithm_asked_for(asked: int) -> None:
    with anyio.fail_after(5):
        async with Simulator(rsa_key=rsa_pem()) as opend, encrypted_client(opend) as client:
            told = await client.handshake(asked)
            assert len(told.connAESKey) == 16
            assert len(told.aesCBCiv) == (0 if asked == FTAES_ECB else 16)
            for serial, (proto_id, message) in enumerate(
                [
                    (3212, distribution_request(1, "00700")),
                    (1002, global_state_request()),
                    (1004, keep_alive_request()),
                ],
                2,
            ):
                assert (await client.ask(proto_id, serial, message)).refusal == (0, "")
            assert outcomes(opend) == ["answered"] * 4


@each_algorithm
async def test_encrypted_figures_equal_unencrypted_ones(asked: int) -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(rsa_key=rsa_pem(), seed=3, now=lambda: 1_700_000_000.0) as opend,
            Simulator(seed=3, now=lambda: 1_700_000_000.0) as clear,
            encrypted_client(opend) as client,
            raw_client(clear) as other,
        ):
            await client.handshake(asked)
            sealed = await client.ask(3212, 2, distribution_request(1, "00700"))
            assert sealed.body == (await other.ask(3212, 2, distribution_request(1, "00700"))).body
    assert capital_distribution_pb2.Response.FromString(sealed.body).s2c.IsInitialized()


async def test_each_connection_has_its_own_key_reproduced_by_the_seed() -> None:
    async def keys(seed: int) -> list[tuple[str, str]]:
        found = []
        async with Simulator(rsa_key=rsa_pem(), seed=seed) as opend:
            for _ in range(3):
                async with encrypted_client(opend) as client:
                    told = await client.handshake(AES_CBC)
                    found.append((told.connAESKey, told.aesCBCiv))
        return found

    with anyio.fail_after(5):
        first = await keys(1)
        assert await keys(1) == first
        assert len({*first, *await keys(2)}) == 6


async def test_pushes_are_encrypted() -> None:
    with anyio.fail_after(5):
        async with Simulator(rsa_key=rsa_pem()) as opend, encrypted_client(opend) as client:
            await client.handshake(AES_CBC)
            opend.push(1003, b"a push")
            pushed = await client.receive()
            assert (pushed.proto_id, pushed.body) == (1003, b"a push")


# ---- Failed handshakes


@pytest.mark.parametrize("how", ["in the clear", "another key", "half a block", "nothing"])
async def test_an_undecryptable_handshake_closes_the_connection(how: str) -> None:
    body = handshake_request(AES_CBC).SerializeToString()
    with anyio.fail_after(5):
        async with Simulator(rsa_key=rsa_pem()) as opend, encrypted_client(opend) as client:
            if how == "in the clear":
                await client.send(frame(1001, 1, clear_handshake_request().SerializeToString()))
            elif how == "another key":
                client.cipher = rsa(number=1)
                await client.send_message(1001, 1, body)
            else:
                sealed = client.cipher.seal(body)[:64] if how == "half a block" else b""
                await client.send(frame(1001, 1, sealed, digest=bytes(20)))
            assert await client.is_closed()
            assert outcomes(opend) == ["damaged"]
            await until(lambda: opend.connections == 0)


async def test_without_a_key_an_encrypted_handshake_closes_the_connection() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, encrypted_client(opend) as client:
            await client.send_message(1001, 1, handshake_request(AES_CBC).SerializeToString())
            assert await client.is_closed()
            assert outcomes(opend) == ["damaged"]


@pytest.mark.parametrize("asked", [1, 3, -2, 99])
async def test_an_unknown_algorithm_is_an_invalid_handshake(asked: int) -> None:
    with anyio.fail_after(5):
        async with Simulator(rsa_key=rsa_pem()) as opend, encrypted_client(opend) as client:
            assert (await client.ask(1001, 1, handshake_request(asked))).refusal[0] == -500
            # The handshake's cipher is still in use.
            assert (await client.ask(1001, 2, handshake_request(AES_CBC))).refusal[0] == 0


async def test_without_a_key_the_algorithm_asked_for_is_ignored() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, encrypted_client(opend) as client:
            client.cipher = CLEAR
            await client.ask(1001, 1, handshake_request(AES_CBC))
            assert (await client.ask(1004, 2, keep_alive_request())).refusal == (0, "")


# ---- Undecryptable requests


async def test_an_undecryptable_request_is_not_answered_and_later_ones_are() -> None:
    with anyio.fail_after(5):
        async with Simulator(rsa_key=rsa_pem()) as opend, encrypted_client(opend) as client:
            told = await client.handshake(AES_CBC)
            right = client.cipher
            for wrong in (CLEAR, cbc("x" * 16, told.aesCBCiv), rsa()):
                client.cipher = wrong
                await client.send_message(1004, 2, keep_alive_request().SerializeToString())
            client.cipher = right
            assert (await client.ask(1004, 3, keep_alive_request())).refusal == (0, "")
            assert outcomes(opend) == ["answered", *["damaged"] * 3, "answered"]


@pytest.mark.parametrize("key", ["no-such-file", b"no key"])
def test_an_unusable_key_is_rejected_by_the_constructor(key: str | bytes) -> None:
    with pytest.raises(InvalidKey):
        Simulator(rsa_key=key)
