"""The simulator's WebSocket transport, tested with a client of the tests' own."""

from __future__ import annotations

import struct

import anyio
import pytest
from websockets.frames import Opcode

from aiocapdist._pb import init_websocket_pb2, keep_alive_pb2
from aiocapdist.simulator import Simulator

from ..support.waiting import until
from .raw import distribution_request, global_state_request, keep_alive_request, raw_client
from .raw_websocket import request, websocket_client

pytestmark = pytest.mark.anyio
KEY = "open sesame"


def refusal(body: bytes) -> tuple[int, str]:
    read = keep_alive_pb2.Response()
    read.MergeFromString(body)
    return read.retType, read.retMsg


# ---- Handshake


@pytest.mark.parametrize(("key", "given"), [("", ""), ("", "any"), (KEY, KEY)])
async def test_the_right_key_is_accepted(key: str, given: str) -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(websocket=True, websocket_key=key, now=lambda: 1_700_000_000.0) as opend,
            websocket_client(opend) as client,
        ):
            error, text, body = await client.handshake(given)
            told = init_websocket_pb2.Response.FromString(body)
            assert (error, text, told.retType) == (0, b"", 0)
            assert (told.s2c.serverTime, told.s2c.connID) == (1_700_000_000, 1)
            answers = [
                await client.ask(*each)
                for each in [
                    (3212, 2, distribution_request(1, "00700")),
                    (1002, 2**40, global_state_request()),
                    (1004, 4, keep_alive_request()),
                ]
            ]
            assert [(error, refusal(body)) for error, _, body in answers] == [(0, (0, ""))] * 3
            outcomes = [request.outcome for request in opend.requests]
    assert outcomes == ["answered"] * 4


@pytest.mark.parametrize("given", ["", "another", KEY.upper()])
async def test_a_wrong_key_is_rejected_and_a_request_after_it_is_too_early(given: str) -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(websocket=True, websocket_key=KEY) as opend,
            websocket_client(opend) as client,
        ):
            assert await client.handshake(given) == (4, b"wrong key", b"")
            await client.send_message(request(3212, 2, distribution_request(1, "00700")))
            assert await client.is_closed()
            outcomes = [request.outcome for request in opend.requests]
            await until(lambda: opend.connections == 0)
    assert outcomes == ["wrong key", "too early"]


async def test_an_undecodable_handshake_is_invalid() -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend, websocket_client(opend) as client:
            error, _, body = await client.ask(1, 1, b"\xff\xff")
            assert (error, refusal(body)[0]) == (0, -500)


async def test_the_key_itself_is_not_accepted_in_place_of_its_md5() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(websocket=True, websocket_key=KEY) as opend,
            websocket_client(opend) as client,
        ):
            c2s = init_websocket_pb2.C2S(websocketKey=KEY)
            error, _, _ = await client.ask(1, 1, init_websocket_pb2.Request(c2s=c2s))
            assert error == 4


# ---- Messages


async def test_figures_and_quota_are_shared_with_tcp() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(websocket=True, quota=(2, 30.0), now=lambda: 1_700_000_000.0) as opend,
            websocket_client(opend) as client,
            raw_client(opend) as other,
        ):
            await client.handshake()
            _, _, body = await client.ask(3212, 2, distribution_request(1, "00700"))
            assert body == (await other.ask(3212, 2, distribution_request(1, "00700"))).body
            assert (
                "频率太高"
                in refusal((await client.ask(3212, 3, distribution_request(1, "1")))[2])[1]
            )
            assert "频率太高" in (await other.ask(3212, 3, distribution_request(1, "1"))).refusal[1]
            assert opend.connections == 2


async def test_pushes_are_sent_after_the_handshake() -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend, websocket_client(opend) as client:
            opend.push(1003, b"too early")
            await client.handshake()
            opend.push(1003, b"a push")
            data = bytes((await client.next()).data)
    assert struct.unpack_from(">IQi", data, 8) == (1003, 0, 0)
    assert data[44:] == b"a push"


async def test_fragments_make_one_request_and_a_ping_gets_a_pong() -> None:
    data = request(1004, 2, keep_alive_request())
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend, websocket_client(opend) as client:
            await client.handshake()
            client.protocol.send_binary(data[:5], fin=False)
            client.protocol.send_ping(b"there?")
            client.protocol.send_continuation(data[5:], fin=True)
            await client.flush()
            frames = [await client.next(), await client.next()]
    by_kind = {frame.opcode: bytes(frame.data) for frame in frames}
    assert by_kind[Opcode.PONG] == b"there?"
    assert struct.unpack_from(">IQi", by_kind[Opcode.BINARY], 8) == (1004, 2, 0)


# ---- Closing


@pytest.mark.parametrize(
    "data",
    [b"", b"ft-v1.0\0", request(1, 1)[:19], b"ft-v2.0\0" + bytes(12), bytes(64)],
    ids=len,
)
async def test_a_malformed_envelope_closes_the_connection(data: bytes) -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend, websocket_client(opend) as client:
            await client.send_message(data)
            assert await client.is_closed()
            await until(lambda: opend.connections == 0)
            assert opend.requests == []


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 40 + b"\n", b"GET / HTTP/1.1\r\n\r\n", b"FT" + bytes(60) + b"\n", b"x" * 9000],
    ids=["bytes", "no upgrade", "a frame", "no end of line"],
)
async def test_a_failed_upgrade_closes_the_connection(data: bytes) -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend:
            async with await anyio.connect_tcp("127.0.0.1", opend.websocket_port) as stream:
                await stream.send(data)
                with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                    while True:
                        await stream.receive()
            await until(lambda: opend.connections == 0)


async def test_a_request_of_more_than_64_kib_closes_the_connection() -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend, websocket_client(opend) as client:
            await client.handshake()
            await client.ask(9999, 2, bytes(65_536))
            client.protocol.send_binary(request(9999, 3, bytes(65_537)))
            await client.flush()
            await until(lambda: opend.connections == 0)


async def test_a_close_frame_closes_the_connection() -> None:
    with anyio.fail_after(5):
        async with Simulator(websocket=True) as opend, websocket_client(opend) as client:
            await client.handshake()
            client.protocol.send_close(1000)
            await client.flush()
            await until(lambda: opend.connections == 0)
