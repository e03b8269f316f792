"""The simulator's WebSocket door, seen by a client that knows nothing of this library's own."""

from __future__ import annotations

import struct

import anyio
import pytest
from websockets.frames import Opcode

from aiocapdist._pb import init_websocket_pb2, keep_alive_pb2
from aiocapdist.simulator import Simulator

from ..support.waiting import until
from .raw import about, global_state, keep_alive, raw_client
from .raw_websocket import at_the_door, request

pytestmark = pytest.mark.anyio
KEY = "open sesame"


def refusal(body: bytes) -> tuple[int, str]:
    read = keep_alive_pb2.Response()
    read.MergeFromString(body)
    return read.retType, read.retMsg


# ---- being let in


@pytest.mark.parametrize(("key", "given"), [("", ""), ("", "any"), (KEY, KEY)])
async def test_the_right_key_lets_in(key: str, given: str) -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(websocket=True, websocket_key=key, now=lambda: 1_700_000_000.0) as opend,
            at_the_door(opend) as client,
        ):
            error, text, body = await client.greet(given)
            told = init_websocket_pb2.Response.FromString(body)
            assert (error, text, told.retType) == (0, b"", 0)
            assert (told.s2c.serverTime, told.s2c.connID) == (1_700_000_000, 1)
            answers = [
                await client.ask(*each)
                for each in [
                    (3212, 2, about(1, "00700")),
                    (1002, 2**40, global_state()),
                    (1004, 4, keep_alive()),
                ]
            ]
            assert [(error, refusal(body)) for error, _, body in answers] == [(0, (0, ""))] * 3
            outcomes = [request.outcome for request in opend.requests]
    assert outcomes == ["answered"] * 4


@pytest.mark.parametrize("given", ["", "another", KEY.upper()])
async def test_a_wrong_key_is_refused_and_what_follows_is_too_early(given: str) -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(websocket=True, websocket_key=KEY) as opend,
            at_the_door(opend) as client,
        ):
            assert await client.greet(given) == (4, b"wrong key", b"")
            await client.say(request(3212, 2, about(1, "00700")))
            assert await client.hung_up_on()
            outcomes = [request.outcome for request in opend.requests]
            await until(lambda: opend.connections == 0)
    assert outcomes == ["wrong key", "too early"]


async def test_a_greeting_that_cannot_be_read_is_invalid() -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend, at_the_door(opend) as client:
            error, _, body = await client.ask(1, 1, b"\xff\xff")
            assert (error, refusal(body)[0]) == (0, -500)


async def test_the_key_itself_is_not_taken_for_its_md5() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(websocket=True, websocket_key=KEY) as opend,
            at_the_door(opend) as client,
        ):
            c2s = init_websocket_pb2.C2S(websocketKey=KEY)
            error, _, _ = await client.ask(1, 1, init_websocket_pb2.Request(c2s=c2s))
            assert error == 4


# ---- what is said


async def test_figures_and_quota_are_those_of_the_tcp_door() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(websocket=True, quota=(2, 30.0), now=lambda: 1_700_000_000.0) as opend,
            at_the_door(opend) as client,
            raw_client(opend) as other,
        ):
            await client.greet()
            _, _, body = await client.ask(3212, 2, about(1, "00700"))
            assert body == (await other.ask(3212, 2, about(1, "00700"))).body
            assert "频率太高" in refusal((await client.ask(3212, 3, about(1, "1")))[2])[1]
            assert "频率太高" in (await other.ask(3212, 3, about(1, "1"))).refusal[1]
            assert opend.connections == 2


async def test_pushes_come_here_too_once_let_in() -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend, at_the_door(opend) as client:
            opend.push(1003, b"too early")
            await client.greet()
            opend.push(1003, b"said unasked")
            data = bytes((await client.next()).data)
    assert struct.unpack_from(">IQi", data, 8) == (1003, 0, 0)
    assert data[44:] == b"said unasked"


async def test_a_request_in_fragments_is_one_and_a_ping_is_answered() -> None:
    data = request(1004, 2, keep_alive())
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend, at_the_door(opend) as client:
            await client.greet()
            client.protocol.send_binary(data[:5], fin=False)
            client.protocol.send_ping(b"there?")
            client.protocol.send_continuation(data[5:], fin=True)
            await client.flush()
            frames = [await client.next(), await client.next()]
    by_kind = {frame.opcode: bytes(frame.data) for frame in frames}
    assert by_kind[Opcode.PONG] == b"there?"
    assert struct.unpack_from(">IQi", by_kind[Opcode.BINARY], 8) == (1004, 2, 0)


# ---- what ends it


@pytest.mark.parametrize(
    "data",
    [b"", b"ft-v1.0\0", request(1, 1)[:19], b"ft-v2.0\0" + bytes(12), bytes(64)],
    ids=len,
)
async def test_a_message_that_is_no_envelope_is_hung_up_on(data: bytes) -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend, at_the_door(opend) as client:
            await client.say(data)
            assert await client.hung_up_on()
            await until(lambda: opend.connections == 0)
            assert opend.requests == []


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 40 + b"\n", b"GET / HTTP/1.1\r\n\r\n", b"FT" + bytes(60) + b"\n", b"x" * 9000],
    ids=["bytes", "no upgrade", "a frame", "no end of line"],
)
async def test_what_is_no_upgrade_is_hung_up_on(data: bytes) -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend:
            async with await anyio.connect_tcp("127.0.0.1", opend.websocket_port) as stream:
                await stream.send(data)
                with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                    while True:
                        await stream.receive()
            await until(lambda: opend.connections == 0)


async def test_a_request_of_more_than_64_kib_is_hung_up_on() -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend, at_the_door(opend) as client:
            await client.greet()
            await client.ask(9999, 2, bytes(65_536))
            client.protocol.send_binary(request(9999, 3, bytes(65_537)))
            await client.flush()
            await until(lambda: opend.connections == 0)


async def test_a_close_is_the_end() -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend, at_the_door(opend) as client:
            await client.greet()
            client.protocol.send_close(1000)
            await client.flush()
            await until(lambda: opend.connections == 0)
