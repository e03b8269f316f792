"""The simulator to the letter: what the vendor's client would refuse, it never sends."""

from __future__ import annotations

import struct

import anyio
import pytest

from aiocapdist._pb import capital_distribution_pb2, init_connect_pb2, keep_alive_pb2
from aiocapdist.simulator import Simulator

from ..support.waiting import until
from .raw import about, frame, global_state, greeting, keep_alive, raw_client

pytestmark = pytest.mark.anyio
SERIALS = (1, 2, 0x01020304, 0, 2**32 - 1)


@pytest.mark.parametrize("serial", SERIALS)
async def test_every_kind_of_answer_echoes_id_and_serial_under_a_true_digest(serial: int) -> None:
    """The head is read and checked by a parser of the tests' own (see raw.py)."""
    with anyio.fail_after(5):
        async with Simulator(quota=(3, 60.0)) as opend, raw_client(opend, greet=False) as client:
            results = [
                (await client.ask(1001, serial, greeting())).refusal[0],
                (await client.ask(1002, serial, global_state())).refusal[0],
                (await client.ask(1004, serial, keep_alive())).refusal[0],
                (await client.ask(3212, serial, about(1, "00700"))).refusal[0],
                (await client.ask(3212, serial, about(1, "99999"))).refusal[0],
                (await client.ask(3212, serial, about(11, ".DJI"))).refusal[0],
                (await client.ask(3212, serial, about(1, "00001"))).refusal[0],
                (await client.ask(9999, serial, b"")).refusal[0],
                (await client.ask(3212, serial, b"\xff")).refusal[0],
                (await client.ask(3212, serial, b"")).refusal[0],
            ]
            assert results == [0, 0, 0, 0, -1, -1, -1, -1, -500, -500]
            assert [r.serial for r in opend.requests] == [serial] * len(results)


async def test_a_push_is_a_frame_like_any_other() -> None:
    body = keep_alive_pb2.Response(retType=0).SerializeToString()
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend) as client:
            opend.push(1003, body)
            assert await client.receive() == (1003, 0, body)


async def test_success_says_so_in_three_explicit_fields() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend, greet=False) as client:
            for proto_id, message in (
                (1001, greeting()),
                (1002, global_state()),
                (1004, keep_alive()),
                (3212, about(1, "00700")),
            ):
                reply = await client.ask(proto_id, 5, message)
                read = keep_alive_pb2.Response()
                read.MergeFromString(reply.body)
                for field, value in (("retType", 0), ("retMsg", ""), ("errCode", 0)):
                    assert read.HasField(field)
                    assert getattr(read, field) == value


async def test_its_welcome_has_all_that_clients_rely_on() -> None:
    with anyio.fail_after(5):
        async with Simulator(keep_alive_interval=7, seed=4) as opend:
            welcomes = []
            for _ in range(2):
                async with raw_client(opend, greet=False) as client:
                    reply = await client.ask(1001, 1, greeting())
                    welcomes.append(init_connect_pb2.Response.FromString(reply.body).s2c)
    for number, welcome in enumerate(welcomes, 1):
        assert welcome.IsInitialized()
        assert (welcome.serverVer, welcome.loginUserID) == (1011, 10_000_004)
        assert welcome.keepAliveInterval == 7
        assert welcome.connID == number
        assert len(welcome.connAESKey) == len(welcome.aesCBCiv) == 16
    assert welcomes[0].connAESKey != welcomes[1].connAESKey


async def test_requests_may_come_in_any_pieces() -> None:
    wanted = [frame(3212, n, about(1, f"{n:05d}").SerializeToString()) for n in range(1, 6)]
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend) as client:
            for byte in wanted[0] + wanted[1]:
                await client.send(bytes([byte]))
            await client.send(b"".join(wanted[2:]))
            assert sorted([(await client.receive()).serial for _ in wanted]) == [1, 2, 3, 4, 5]


async def test_what_is_in_the_reserved_bytes_concerns_nobody() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend) as client:
            body = about(1, "00700").SerializeToString()
            await client.send(frame(3212, 8, body, reserved=b"whatever"))
            assert (await client.receive()).refusal[0] == 0


async def test_a_damaged_request_is_written_down_and_not_answered() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend) as client:
            body = about(1, "00700").SerializeToString()
            await client.send(frame(3212, 8, body, digest=bytes(20)))
            reply = await client.ask(3212, 9, about(1, "00001"))
            assert reply.refusal[0] == 0
            asked = [(r.serial, r.code, r.outcome) for r in opend.requests[1:]]
            assert asked == [(8, None, "damaged"), (9, "HK.00001", "answered")]


async def test_json_is_invalid_content_and_not_counted() -> None:
    with anyio.fail_after(5):
        async with Simulator(quota=(1, 60.0)) as opend, raw_client(opend) as client:
            await client.send(frame(3212, 8, b'{"c2s":{}}', format=1))
            reply = await client.receive()
            assert (reply.proto_id, reply.serial) == (3212, 8)
            assert reply.refusal == (-500, "包内容非法")
            assert opend.requests[-1].outcome == "invalid"
            assert (await client.ask(3212, 9, about(1, "00700"))).refusal[0] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        frame(3212, 8, b"", magic=b"HT"),
        frame(3212, 8, b"", version=1),
        frame(3212, 8, b"", length=2**31),
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">2sIBBII20s8x", b"FT", 3212, 0, 0, 8, 44, bytes(20)),
    ],
    ids=["magic", "version", "length", "http", "big-endian"],
)
async def test_a_stream_that_makes_no_sense_is_hung_up_on(wrong: bytes) -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend) as client:
            await client.send(wrong)
            assert await client.hung_up_on()
            await until(lambda: opend.connections == 0)
            assert [r.proto_id for r in opend.requests] == [1001]


@pytest.mark.parametrize("super_fields", [True, False], ids=["new", "old"])
async def test_an_old_opend_has_no_super_orders(super_fields: bool) -> None:
    with anyio.fail_after(5):
        async with Simulator(super_fields=super_fields) as opend, raw_client(opend) as client:
            reply = await client.ask(3212, 2, about(1, "00700"))
            s2c = capital_distribution_pb2.Response.FromString(reply.body).s2c
            assert s2c.HasField("capitalInSuper") is super_fields
            assert s2c.HasField("capitalOutSuper") is super_fields
            assert s2c.capitalInBig > 0
            assert s2c.updateTimestamp > 0
