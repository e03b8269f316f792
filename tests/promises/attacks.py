"""Ways in which a peer may try to fill a client's memory, in place of a reply."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import anyio

from aiocapdist._pb import notify_pb2
from aiocapdist._protocol.frames import encode_frame

from ..support.protobuf_bytes import field, raw_push, varint

MIB = 2**20
Attack: TypeAlias = Callable[[Any, Any], Awaitable[None]]
"""Called with the peer and the request; may raise a stream's errors."""


def head(proto_id: int, serial: int, length: int) -> bytes:
    return struct.pack("<2sIBBII20s8x", b"FT", proto_id, 0, 0, serial, length, bytes(20))


async def pour(peer: Any, data: bytes, total: int) -> None:
    """Send the same bytes repeatedly, up to ``total`` bytes."""
    for _ in range(-(-total // len(data))):
        await peer.send(data)


# Over TCP


async def four_gibibytes(peer: Any, asked: Any) -> None:
    """A reply that announces 4 GiB, and as much of it as is read."""
    await peer.send(head(asked.proto_id, asked.serial, 2**32 - 1))
    await pour(peer, bytes(MIB), 300 * MIB)


async def four_gibibytes_of_no_kind(peer: Any, asked: Any) -> None:
    await peer.send(head(3999, 1, 2**32 - 1))
    await pour(peer, bytes(MIB), 300 * MIB)


async def no_frame_at_all(peer: Any, asked: Any) -> None:
    """300 MiB after an invalid head, which the vendor's client buffers."""
    await peer.send(b"XX" + bytes(42))
    await pour(peer, bytes(MIB), 300 * MIB)


async def largest_frames_for_nobody(peer: Any, asked: Any) -> None:
    """A hundred replies of the largest size to no request."""
    await pour(peer, encode_frame(3999, 1, bytes(MIB)), 100 * MIB)


class HalfAReply:
    """Nearly all of a reply of the largest size, in small pieces, to each of many clients; and
    no more until all have it."""

    def __init__(self, clients: int) -> None:
        self._left = clients
        self._all = anyio.Event()

    async def __call__(self, peer: Any, asked: Any) -> None:
        await peer.send(head(asked.proto_id, asked.serial, 16_384))
        for _ in range(100):
            await peer.send(bytes(163))
        self._left -= 1
        if not self._left:
            self._all.set()
        await self._all.wait()
        await peer.hang_up()


async def half_of_the_largest(peer: Any, asked: Any) -> None:
    """All but the last byte of it, and then nothing."""
    await pour(peer, encode_frame(3999, 1, bytes(MIB))[:-1], MIB)
    await peer.hang_up()


def _notice(text: str) -> bytes:
    event = notify_pb2.GatewayEvent(eventType=0, desc=text)
    s2c = notify_pb2.S2C(type=1, event=event)
    return notify_pb2.Response(retType=0, s2c=s2c).SerializeToString()


async def many_small_notices(peer: Any, asked: Any) -> None:
    await pour(peer, encode_frame(1003, 1, _notice(".")) * 1000, 2 * MIB)


async def long_notices(peer: Any, asked: Any) -> None:
    """The longest texts, with one character that makes them four times as large in memory."""
    await pour(peer, encode_frame(1003, 1, _notice("." * 65_000 + "\N{BOMB}")), 60 * MIB)


async def notices_of_many_fields(peer: Any, asked: Any) -> None:
    """Each field with a number of its own: the most memory per byte."""
    fields = b"".join(varint(number << 3) + b"\1" for number in range(100, 16_300))
    await pour(peer, encode_frame(1003, 1, raw_push(field(1, 1) + fields)), 3 * MIB)


async def notices_of_a_few_fields(peer: Any, asked: Any) -> None:
    """As many fields as are kept."""
    fields = b"".join(varint(number << 3) + b"\1" for number in range(100, 1_100))
    await pour(peer, encode_frame(1003, 1, raw_push(field(1, 1) + fields)), MIB)


async def notices_of_many_groups(peer: Any, asked: Any) -> None:
    """The same fields, a few in each of many groups."""
    few = b"".join(varint(number << 3) + b"\1" for number in range(100, 600))
    group = varint(99 << 3 | 3) + few + varint(99 << 3 | 4)
    await pour(peer, encode_frame(1003, 1, raw_push(field(1, 1) + group * 32)), 2 * MIB)


async def nested_notices(peer: Any, asked: Any) -> None:
    """Nested messages and groups, as deep as fits and as deep as is parsed."""
    for depth in (60, 95, 5_000, 20_000):
        groups = field(1, 1) + varint(99 << 3 | 3) * depth + varint(99 << 3 | 4) * depth
        await pour(peer, encode_frame(1003, 1, raw_push(groups)), MIB // 2)
        inner = b""
        while len(inner) < min(depth * 3, 60_000):
            inner = field(2, inner)
        await pour(peer, encode_frame(1003, 1, raw_push(field(1, 1) + inner)), MIB // 2)


async def nested_reply(peer: Any, asked: Any) -> None:
    """The same in a reply to the call."""
    deep = varint(4 << 3 | 3) * 4_000 + varint(4 << 3 | 4) * 4_000
    await peer.send(encode_frame(asked.proto_id, asked.serial, deep))


# Over WebSocket


async def one_tebibyte(peer: Any, asked: Any) -> None:
    """A message that announces 1 TiB."""
    await peer.send(b"\x82\x7f" + (2**40).to_bytes(8, "big"))
    await pour(peer, bytes(MIB), 300 * MIB)


def _part(opcode: int, body: bytes) -> bytes:
    return bytes([opcode, len(body)]) + body


async def empty_parts(peer: Any, asked: Any) -> None:
    """A message of empty fragments, which never gets too long."""
    await peer.send(_part(2, b"a"))
    await pour(peer, _part(0, b"") * 32_768, MIB)


async def tiny_parts(peer: Any, asked: Any) -> None:
    """A message of the largest size, in fragments of two bytes."""
    await peer.send(_part(2, b"ab"))
    await pour(peer, _part(0, b"ab") * 16_384, 4 * MIB)


async def half_a_message(peer: Any, asked: Any) -> None:
    """A message of the largest size without its last bytes, and then nothing."""
    await peer.send(b"\x82\x7f" + MIB.to_bytes(8, "big") + bytes(MIB - 100))
    await peer.hang_up()


async def half_of_the_parts(peer: Any, asked: Any) -> None:
    """Of a message of the largest size the first fragment, and then nothing."""
    await peer.send(b"\x02\x7f" + (MIB - 100).to_bytes(8, "big") + bytes(MIB - 100))
    await peer.hang_up()


async def pings_without_reading(peer: Any, asked: Any) -> None:
    """Pings, without reading the pongs."""
    await pour(peer, _part(0x89, bytes(125)) * 1000, 100 * MIB)


async def empty_pings(peer: Any, asked: Any) -> None:
    """As many pings as possible in few bytes, without reading the pongs."""
    await pour(peer, _part(0x89, b"") * 32_768, 2 * MIB)


async def long_messages_for_nobody(peer: Any, asked: Any) -> None:
    message = peer.envelope(3999, 1, bytes(MIB))
    frame = b"\x82\x7f" + len(message).to_bytes(8, "big") + message
    await pour(peer, frame, 100 * MIB)


async def long_notices_by_websocket(peer: Any, asked: Any) -> None:
    message = peer.envelope(1003, 1, _notice("." * 65_000 + "\N{BOMB}"))
    frame = b"\x82\x7f" + len(message).to_bytes(8, "big") + message
    await pour(peer, frame, 60 * MIB)


TCP: list[Attack] = [
    four_gibibytes,
    four_gibibytes_of_no_kind,
    no_frame_at_all,
    largest_frames_for_nobody,
    half_of_the_largest,
    many_small_notices,
    long_notices,
    notices_of_many_fields,
    notices_of_a_few_fields,
    notices_of_many_groups,
    nested_notices,
    nested_reply,
]
WEBSOCKET: list[Attack] = [
    one_tebibyte,
    empty_parts,
    tiny_parts,
    half_a_message,
    half_of_the_parts,
    pings_without_reading,
    empty_pings,
    long_messages_for_nobody,
    long_notices_by_websocket,
]
