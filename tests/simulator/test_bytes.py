"""Frames of the simulator, byte by byte."""

from __future__ import annotations

import struct

import anyio
import pytest

from aiocapdist._pb import capital_distribution_pb2, init_connect_pb2, keep_alive_pb2
from aiocapdist.simulator import Simulator

from ..support.waiting import until
from .raw import (
    distribution_request,
    frame,
    global_state_request,
    handshake_request,
    keep_alive_request,
    raw_client,
)

pytestmark = pytest.mark.anyio
SERIALS = (1, 2, 0x01020304, 0, 2**32 - 1)


@pytest.mark.parametrize("serial", SERIALS)
async def test_every_reply_echoes_id_and_serial_with_a_correct_digest(serial: int) -> None:
    """Heads are checked by the tests' own parser, see raw.py."""
    with anyio.fail_after(5):
        async with (
            Simulator(quota=(3, 60.0)) as opend,
            raw_client(opend, handshake=False) as client,
        ):
            results = [
                (await client.ask(1001, serial, handshake_request())).refusal[0],
                (await client.ask(1002, serial, global_state_request())).refusal[0],
                (await client.ask(1004, serial, keep_alive_request())).refusal[0],
                (await client.ask(3212, serial, distribution_request(1, "00700"))).refusal[0],
                (await client.ask(3212, serial, distribution_request(1, "99999"))).refusal[0],
                (await client.ask(3212, serial, distribution_request(11, ".DJI"))).refusal[0],
                (await client.ask(3212, serial, distribution_request(1, "00001"))).refusal[0],
                (await client.ask(9999, serial, b"")).refusal[0],
                (await client.ask(3212, serial, b"\xff")).refusal[0],
                (await client.ask(3212, serial, b"")).refusal[0],
            ]
            assert results == [0, 0, 0, 0, -1, -1, -1, -1, -500, -500]
            assert [r.serial for r in opend.requests] == [serial] * len(results)


async def test_a_push_is_a_frame_with_serial_0() -> None:
    body = keep_alive_pb2.Response(retType=0).SerializeToString()
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend) as client:
            opend.push(1003, body)
            assert await client.receive() == (1003, 0, body)


async def test_success_sets_all_three_result_fields() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend, handshake=False) as client:
            for proto_id, message in (
                (1001, handshake_request()),
                (1002, global_state_request()),
                (1004, keep_alive_request()),
                (3212, distribution_request(1, "00700")),
            ):
                reply = await client.ask(proto_id, 5, message)
                read = keep_alive_pb2.Response()
                read.MergeFromString(reply.body)
                for field, value in (("retType", 0), ("retMsg", ""), ("errCode", 0)):
                    assert read.HasField(field)
                    assert getattr(read, field) == value


async def test_the_handshake_reply_has_every_field_that_clients_use() -> None:
    with anyio.fail_after(5):
        async with Simulator(keep_alive_interval=7, seed=4) as opend:
            welcomes = []
            for _ in range(2):
                async with raw_client(opend, handshake=False) as client:
                    reply = await client.ask(1001, 1, handshake_request())
                    welcomes.append(init_connect_pb2.Response.FromString(reply.body).s2c)
    for number, welcome in enumerate(welcomes, 1):
        assert welcome.IsInitialized()
        assert (welcome.serverVer, welcome.loginUserID) == (1011, 10_000_004)
        assert welcome.keepAliveInterval == 7
        assert welcome.connID == number
        assert len(welcome.connAESKey) == len(welcome.aesCBCiv) == 16
    assert welcomes[0].connAESKey != welcomes[1].connAESKey


async def test_requests_can_arrive_in_any_chunks() -> None:
    wanted = [
        frame(3212, n, distribution_request(1, f"{n:05d}").SerializeToString()) for n in range(1, 6)
    ]
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend) as client:
            for byte in wanted[0] + wanted[1]:
                await client.send(bytes([byte]))
            await client.send(b"".join(wanted[2:]))
            assert sorted([(await client.receive()).serial for _ in wanted]) == [1, 2, 3, 4, 5]


async def test_reserved_bytes_are_ignored() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend) as client:
            body = distribution_request(1, "00700").SerializeToString()
            await client.send(frame(3212, 8, body, reserved=b"whatever"))
            assert (await client.receive()).refusal[0] == 0


async def test_a_damaged_request_is_logged_and_not_answered() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend) as client:
            body = distribution_request(1, "00700").SerializeToString()
            await client.send(frame(3212, 8, body, digest=bytes(20)))
            reply = await client.ask(3212, 9, distribution_request(1, "00001"))
            assert reply.refusal[0] == 0
            asked = [(r.serial, r.code, r.outcome) for r in opend.requests[1:]]
            assert asked == [(8, None, "damaged"), (9, "HK.00001", "answered")]


async def test_a_json_body_is_invalid_and_not_counted() -> None:
    with anyio.fail_after(5):
        async with Simulator(quota=(1, 60.0)) as opend, raw_client(opend) as client:
            await client.send(frame(3212, 8, b'{"c2s":{}}', format=1))
            reply = await client.receive()
            assert (reply.proto_id, reply.serial) == (3212, 8)
            assert reply.refusal == (-500, "包内容非法")
            assert opend.requests[-1].outcome == "invalid"
            assert (await client.ask(3212, 9, distribution_request(1, "00700"))).refusal[0] == 0


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
async def test_a_malformed_stream_is_closed(wrong: bytes) -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend) as client:
            await client.send(wrong)
            assert await client.is_closed()
            await until(lambda: opend.connections == 0)
            assert [r.proto_id for r in opend.requests] == [1001]


@pytest.mark.parametrize("super_fields", [True, False], ids=["new", "old"])
async def test_an_old_opend_reports_no_super_orders(super_fields: bool) -> None:
    with anyio.fail_after(5):
        async with Simulator(super_fields=super_fields) as opend, raw_client(opend) as client:
            reply = await client.ask(3212, 2, distribution_request(1, "00700"))
            s2c = capital_distribution_pb2.Response.FromString(reply.body).s2c
            assert s2c.HasField("capitalInSuper") is super_fields
            assert s2c.HasField("capitalOutSuper") is super_fields
            assert s2c.capitalInBig > 0
            assert s2c.updateTimestamp > 0
