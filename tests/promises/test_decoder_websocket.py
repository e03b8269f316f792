"""Row 10 over WebSocket: any message is an envelope or an error, and so is any byte
that comes where WebSocket frames should. An *input* is one message, or one stream of bytes
in one chunking."""

from __future__ import annotations

import random

import pytest

from aiocapdist._protocol.websocket_codec import REPLY_HEAD, SIGN, Envelope, WebSocketCodec
from aiocapdist.errors import ProtocolError

from ..support.internals import cause_of
from ..support.websocket_pipe import framed, upgraded
from .byte_streams import chunkings, damaged
from .scale import figure, scaled

MESSAGES = 100_000
PIPES = 1_500
MAX = 300
LIMITS = {
    1: 16_384,
    1001: 16_384,
    1002: 16_384,
    1003: 65_536,
    1004: 4096,
    3211: 262_144,
    3212: 16_384,
}


def test_any_websocket_message_is_an_envelope_or_an_error() -> None:
    draw = random.Random(13)
    good = [
        REPLY_HEAD.pack(SIGN, proto_id, draw.getrandbits(64), error, b"text") + draw.randbytes(n)
        for proto_id in (3212, 1003, 2, 1, 9)
        for error in (0, 1, -1)
        for n in (0, 5, 200)
    ]
    ends = 0
    for _ in range(scaled(MESSAGES)):
        data = draw.choice(good) if draw.random() < 0.95 else draw.randbytes(draw.randrange(90))
        for _ in range(draw.choice((0, 1, 1, 2))):
            data = damaged(draw, data)
        codec = WebSocketCodec(client_id="tests", max_frame=150)
        got = codec.feed(data)
        proto_id = int.from_bytes(data[8:12], "big")
        limit = LIMITS.get(proto_id, 150)
        size = len(data) - 44
        over = data[:8] != b"ft-v1.0\0" or size < 0 or proto_id == 2
        if over or size > max(limit, 150):
            assert got == []
            assert isinstance(codec.error, ProtocolError)
            assert codec.feed(good[0]) == [], "the error stays"
            ends += 1
        else:
            serial, error = int.from_bytes(data[12:20], "big"), data[20:24]
            text = data[24:44].rstrip(b"\0").decode(errors="replace")
            number = int.from_bytes(error, "big", signed=True)
            assert got == [Envelope(proto_id, serial, number, text, data[44:])], (
                "150 is in all limits"
            )
            assert codec.error is None
    figure(10, inputs=scaled(MESSAGES))
    assert 0.1 < ends / scaled(MESSAGES) < 0.9


@pytest.mark.parametrize("size", [43, 44])
def test_a_head_is_44_bytes(size: int) -> None:
    codec = WebSocketCodec(client_id="tests", max_frame=150)
    assert bool(codec.feed(REPLY_HEAD.pack(SIGN, 9, 1, 0, b"")[:size])) == (size == 44)


# Frames of the WebSocket


class Over(Exception):
    """Nothing after this can be understood."""


def cut(data: bytes, room: int) -> tuple[int, int, bytes, bytes] | None:
    """The first frame: its first byte, opcode, body, and what follows; None if unfinished."""
    if len(data) < 2:
        return None
    first, length, head = data[0], data[1], 2
    if first & 0x0F not in {0, 1, 2, 8, 9, 10} or length & 0x80:
        raise Over
    if length >= 126:
        head = 4 if length == 126 else 10
        if len(data) < head:
            return None
        length = int.from_bytes(data[2:head], "big")
    if length > room:
        raise Over
    if len(data) < head + length:
        return None
    return first, first & 0x0F, data[head : head + length], data[head + length :]


def read_frames(data: bytes) -> tuple[list[bytes], bool]:
    """The messages in these bytes by RFC 6455, read slowly; and whether it is over then."""
    messages: list[bytes] = []
    parts: list[bytes] = []
    within = False
    try:
        while (found := cut(data, MAX - sum(map(len, parts)))) is not None:
            first, opcode, body, data = found
            if opcode in {1, 8} or first & 0x70:
                raise Over
            if opcode >= 8:
                if len(body) > 125 or not first & 0x80:
                    raise Over
                continue
            if (opcode == 0) != within:
                raise Over
            parts.append(body)
            within = not first & 0x80
            if not within:
                messages.append(b"".join(parts))
                parts = []
    except Over:
        return messages, True
    return messages, False


def test_any_bytes_through_the_websocket_are_its_messages_or_the_end() -> None:
    draw = random.Random(14)
    good = [framed(2, draw.randbytes(n)) for n in (0, 1, 125, 126, MAX)]
    good += [framed(9, b"ping"), framed(10, b""), framed(2, draw.randbytes(MAX + 1))]
    good += [framed(2, b"a", fin=False) + framed(9, b"?") + framed(0, b"b"), framed(8, b"")]
    good += [framed(2, bytes(MAX), fin=False) + framed(0, bytes(n), fin=False) for n in (0, 1)]
    inputs = ends = 0
    for _ in range(scaled(PIPES)):
        data = b"".join(draw.choices(good, k=draw.randrange(1, 5)))
        for _ in range(draw.choice((0, 1, 1, 2))):
            data = damaged(draw, data)
        wanted, over = read_frames(data)
        for pieces in chunkings(draw, data, 2):
            transport, pipe, got = upgraded(MAX)
            for piece in pieces:
                if not pipe.closed:
                    pipe.receive([piece])
            assert got == wanted, pieces
            assert pipe.closed == over, pieces
            assert (type(cause_of(transport)) is ConnectionError) == over
            inputs += 1
        ends += over
    figure(10, inputs=inputs)
    assert 0.2 < ends / scaled(PIPES) < 0.9


def test_the_messages_of_one_read_are_handed_on_together() -> None:
    reads: list[list[bytes]] = []
    _, pipe, _ = upgraded(MAX, reads.append)
    messages = [bytes([n]) * n for n in range(5)]
    frames = b"".join(framed(2, message) for message in messages)
    pipe.receive([frames[:-1]])
    pipe.receive([frames[-1:], framed(2, b"more")])
    assert reads == [messages[:-1], messages[-1:], [b"more"]]
