"""The simulator with a key: whom it lets in, how it answers, and what it does with nonsense."""

from __future__ import annotations

import anyio
import pytest

from aiocapdist import InvalidKey
from aiocapdist._pb import capital_distribution_pb2
from aiocapdist.simulator import Simulator

from ..support.transports import rsa_pem
from ..support.waiting import until
from .raw import about, frame, global_state, keep_alive, raw_client
from .raw import greeting as clear_greeting
from .raw_sealed import (
    CBC_ASKED,
    CLEAR,
    CLEAR_ASKED,
    FTAES_ASKED,
    cbc,
    greeting,
    rsa,
    sealed_client,
)

pytestmark = pytest.mark.anyio
each_asked = pytest.mark.parametrize("asked", [CBC_ASKED, FTAES_ASKED, CLEAR_ASKED])


def outcomes(opend: Simulator) -> list[str]:
    return [request.outcome for request in opend.requests]


@each_asked
async def test_it_answers_as_the_greeting_asked(asked: int) -> None:
    with anyio.fail_after(5):
        async with Simulator(rsa_key=rsa_pem()) as opend, sealed_client(opend) as client:
            told = await client.greet(asked)
            assert len(told.connAESKey) == 16
            assert len(told.aesCBCiv) == (0 if asked == FTAES_ASKED else 16)
            for serial, (proto_id, message) in enumerate(
                [(3212, about(1, "00700")), (1002, global_state()), (1004, keep_alive())], 2
            ):
                assert (await client.ask(proto_id, serial, message)).refusal == (0, "")
            assert outcomes(opend) == ["answered"] * 4


@each_asked
async def test_figures_are_those_of_the_door_in_the_clear(asked: int) -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(rsa_key=rsa_pem(), seed=3, now=lambda: 1_700_000_000.0) as opend,
            Simulator(seed=3, now=lambda: 1_700_000_000.0) as clear,
            sealed_client(opend) as client,
            raw_client(clear) as other,
        ):
            await client.greet(asked)
            sealed = await client.ask(3212, 2, about(1, "00700"))
            assert sealed.body == (await other.ask(3212, 2, about(1, "00700"))).body
    assert capital_distribution_pb2.Response.FromString(sealed.body).s2c.IsInitialized()


async def test_each_connection_has_a_key_of_its_own_and_a_seed_replays_them() -> None:
    async def keys(seed: int) -> list[tuple[str, str]]:
        found = []
        async with Simulator(rsa_key=rsa_pem(), seed=seed) as opend:
            for _ in range(3):
                async with sealed_client(opend) as client:
                    told = await client.greet(CBC_ASKED)
                    found.append((told.connAESKey, told.aesCBCiv))
        return found

    with anyio.fail_after(5):
        first = await keys(1)
        assert await keys(1) == first
        assert len({*first, *await keys(2)}) == 6


async def test_pushes_are_sealed_too() -> None:
    with anyio.fail_after(5):
        async with Simulator(rsa_key=rsa_pem()) as opend, sealed_client(opend) as client:
            await client.greet(CBC_ASKED)
            opend.push(1003, b"said unasked")
            pushed = await client.receive()
            assert (pushed.proto_id, pushed.body) == (1003, b"said unasked")


# ---- whom it does not let in


@pytest.mark.parametrize("how", ["in the clear", "another key", "half a block", "nothing"])
async def test_a_greeting_that_it_cannot_read_is_hung_up_on(how: str) -> None:
    body = greeting(CBC_ASKED).SerializeToString()
    with anyio.fail_after(5):
        async with Simulator(rsa_key=rsa_pem()) as opend, sealed_client(opend) as client:
            if how == "in the clear":
                await client.send(frame(1001, 1, clear_greeting().SerializeToString()))
            elif how == "another key":
                client.sealing = rsa(number=1)
                await client.say(1001, 1, body)
            else:
                sealed = client.sealing.seal(body)[:64] if how == "half a block" else b""
                await client.send(frame(1001, 1, sealed, digest=bytes(20)))
            assert await client.hung_up_on()
            assert outcomes(opend) == ["damaged"]
            await until(lambda: opend.connections == 0)


async def test_one_that_has_no_key_hangs_up_on_a_sealed_greeting() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, sealed_client(opend) as client:
            await client.say(1001, 1, greeting(CBC_ASKED).SerializeToString())
            assert await client.hung_up_on()
            assert outcomes(opend) == ["damaged"]


@pytest.mark.parametrize("asked", [1, 3, -2, 99])
async def test_a_cipher_that_it_does_not_know_is_an_invalid_greeting(asked: int) -> None:
    with anyio.fail_after(5):
        async with Simulator(rsa_key=rsa_pem()) as opend, sealed_client(opend) as client:
            assert (await client.ask(1001, 1, greeting(asked))).refusal[0] == -500
            # The hand-shake's cipher is still the one that counts.
            assert (await client.ask(1001, 2, greeting(CBC_ASKED))).refusal[0] == 0


async def test_without_a_key_it_ignores_what_cipher_is_asked_for() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, sealed_client(opend) as client:
            client.sealing = CLEAR
            await client.ask(1001, 1, greeting(CBC_ASKED))
            assert (await client.ask(1004, 2, keep_alive())).refusal == (0, "")


# ---- what it cannot read later


async def test_a_request_that_it_cannot_read_is_not_answered_and_others_are() -> None:
    with anyio.fail_after(5):
        async with Simulator(rsa_key=rsa_pem()) as opend, sealed_client(opend) as client:
            told = await client.greet(CBC_ASKED)
            right = client.sealing
            for wrong in (CLEAR, cbc("x" * 16, told.aesCBCiv), rsa()):
                client.sealing = wrong
                await client.say(1004, 2, keep_alive().SerializeToString())
            client.sealing = right
            assert (await client.ask(1004, 3, keep_alive())).refusal == (0, "")
            assert outcomes(opend) == ["answered", *["damaged"] * 3, "answered"]


@pytest.mark.parametrize("key", ["no-such-file", b"no key"])
def test_a_key_that_is_none_is_told_before_anything_starts(key: str | bytes) -> None:
    with pytest.raises(InvalidKey):
        Simulator(rsa_key=key)
