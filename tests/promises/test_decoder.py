"""Row 10: decoders neither crash nor hang, and any chunking gives the same frames.

An *input* is one stream of bytes in one chunking, or one WebSocket message. Streams are valid
frames with some bytes changed, removed, repeated or inserted. A slow and simple reader says what
each must give.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from hashlib import sha1

import pytest

from aiocapdist._protocol.frames import Frame, FrameDecoder, encode_frame
from aiocapdist._protocol.session import Session
from aiocapdist._protocol.session_events import PushReceived, ReplyInvalid, ReplyReceived
from aiocapdist._protocol.state import State
from aiocapdist.errors import ProtocolError

from .._protocol.peer import ask, figures, notice, ready, sent
from .byte_streams import Pieces, chunkings, damaged
from .scale import SCALE, figure, scaled

LIMITS = {3212: 40, 1003: 30, 1004: 0}
MAX_FRAME = 60
STREAMS = 110_000
CHUNKINGS = 16
CONVERSATIONS = 6_000


def limit(proto_id: int) -> int:
    return LIMITS.get(proto_id, MAX_FRAME)


def read_slowly(
    data: bytes, limit: Callable[[int], int], max_frame: int
) -> tuple[list[tuple[int, int, int, bytes, bytes, int]], bytes | None]:
    """Return the frames in the whole stream, and the unfinished rest; None if it is unreadable."""
    frames: list[tuple[int, int, int, bytes, bytes, int]] = []
    while data[:1] == b"F" and data[1:2] in {b"T", b""}:
        if len(data) < 44:
            return frames, data
        proto_id, serial, length = (
            int.from_bytes(data[at : at + 4], "little") for at in (2, 8, 12)
        )
        if data[7] != 0 or length > max(limit(proto_id), max_frame):
            return frames, None
        if length > limit(proto_id):
            frames.append((proto_id, serial, data[6], b"", b"", length))
            data = data[44 + length :]
            continue
        if len(data) < 44 + length:
            return frames, data
        frames.append((proto_id, serial, data[6], data[16:36], data[44 : 44 + length], 0))
        data = data[44 + length :]
    return frames, b"" if data == b"" else None


# Streams


def pool(draw: random.Random) -> list[bytes]:
    """Valid frames of several lengths: within their limit, within max_frame, beyond it."""
    frames = []
    for proto_id in (3212, 1003, 1004, 7, 2**32 - 1):
        for length in {
            0,
            1,
            limit(proto_id) // 2,
            limit(proto_id),
            limit(proto_id) + 1,
            MAX_FRAME + 1,
        }:
            body = draw.randbytes(length)
            frames.append(encode_frame(proto_id, draw.getrandbits(32), body))
    return frames


def streams(draw: random.Random, number: int) -> Iterator[bytes]:
    good = pool(draw)
    for _ in range(number):
        if draw.random() < 0.05:
            yield draw.randbytes(draw.randrange(120))
            continue
        data = b"".join(draw.choices(good, k=draw.randrange(1, 5)))
        for _ in range(draw.choice((0, 1, 1, 2))):
            data = damaged(draw, data)
        yield data


def decode(pieces: Pieces) -> tuple[list[Frame], FrameDecoder]:
    decoder = FrameDecoder(limit, MAX_FRAME)
    frames: list[Frame] = []
    for piece in pieces:
        frames += decoder.feed(piece)
    return frames, decoder


@pytest.mark.parametrize("part", range(max(1, round(SCALE))))
def test_any_stream_in_any_chunks_gives_the_frames_of_the_slow_reader(part: int) -> None:
    draw = random.Random(1000 + part)
    number = STREAMS if SCALE >= 1 else scaled(STREAMS)
    inputs = broken = 0
    for data in streams(draw, number):
        wanted, left = read_slowly(data, limit, MAX_FRAME)
        broken += left is None
        for pieces in chunkings(draw, data, CHUNKINGS):
            frames, decoder = decode(pieces)
            assert frames == wanted, pieces
            if left is None:
                assert isinstance(decoder.error, ProtocolError), pieces
            else:
                assert decoder.error is None, pieces
                assert decoder.pending == len(left), pieces
            inputs += 1
    figure(10, inputs=inputs)
    # Both ends must occur often.
    assert 0.2 < broken / number < 0.8


def test_every_split_point_of_every_kind_of_frame_gives_the_same_frames() -> None:
    good = pool(random.Random(11))
    stream = b"".join(frame for frame in good if len(read_slowly(frame, limit, MAX_FRAME)[0]) == 1)
    wanted, left = read_slowly(stream, limit, MAX_FRAME)
    assert left == b""
    assert len(wanted) >= 15
    for at in range(len(stream) + 1):
        frames, decoder = decode([stream[:at], stream[at:]])
        assert frames == wanted, at
        assert (decoder.error, decoder.pending) == (None, 0), at


# Sessions


def told(session: Session[str], pieces: Pieces) -> list[tuple[object, ...]]:
    """Return the session's events for these bytes."""
    made: list[tuple[object, ...]] = []
    for piece in pieces:
        for event in session.receive_data(piece, 1.0):
            match event:
                case ReplyReceived(flight, body):
                    made.append(("reply", flight.ref, body))
                case ReplyInvalid(flight, error):
                    assert isinstance(error, ProtocolError)
                    made.append(("damaged", flight.ref))
                case PushReceived(proto_id, body):
                    made.append(("push", proto_id, body))
                case _:
                    raise AssertionError(event)
    assert session.cause is None or isinstance(session.cause, ProtocolError)
    return made


def foreseen(
    data: bytes, refs: dict[tuple[int, int], str]
) -> tuple[list[tuple[object, ...]], bool]:
    """The same by the slow reader and the rules of the protocol; and whether the session ends."""
    made: list[tuple[object, ...]] = []
    limits = {1001: 16_384, 1002: 16_384, 1003: 65_536, 1004: 4096, 3212: 16_384, 1: 16_384}
    limits[3211] = 262_144
    frames, left = read_slowly(data, lambda proto_id: limits.get(proto_id, 2**20), 2**20)
    pushes = {1003, 2208, 2218, 3005, 3007, 3009, 3011, 3013, 3015, 3019, 3261, 3310, 3450}
    for proto_id, serial, form, digest, body, discarded in frames:
        fine = sha1(body).digest() == digest and form == 0 and not discarded
        if proto_id in pushes | {3451, 3452}:
            made += [("push", proto_id, body)] if fine else []
        elif ref := refs.pop((proto_id, serial), None):
            made.append(("reply", ref, body) if fine else ("damaged", ref))
    return made, left is None


def test_a_session_handles_any_bytes_by_the_rules() -> None:
    draw = random.Random(12)
    inputs = ends = 0
    for _ in range(scaled(CONVERSATIONS)):
        first = draw.getrandbits(32)
        session = ready(first_serial=first)
        ask(session, "a", "b", "c")
        asked = sent(session)
        replies = [encode_frame(3212, frame.serial, figures(n)) for n, frame in enumerate(asked)]
        data = b"".join(draw.choices([*replies, notice(asked[0].serial)], k=draw.randrange(1, 5)))
        for _ in range(draw.choice((0, 1, 1, 2))):
            data = damaged(draw, data)
        refs = {(3212, frame.serial): name for frame, name in zip(asked, "abc", strict=True)}
        wanted, over = foreseen(data, refs)
        for pieces in [[data], draw.choice(list(chunkings(draw, data, 2)))]:
            if inputs % 2:
                session = ready(first_serial=first)
                ask(session, "a", "b", "c")
                sent(session)
            assert told(session, pieces) == wanted, pieces
            assert (session.state is State.CLOSED) == over, pieces
            waiting, _ = session.drain()
            assert sorted(flight.ref or "" for flight in waiting) == sorted(refs.values())
            inputs += 1
        ends += over
    figure(10, inputs=inputs)
    assert 0.1 < ends / scaled(CONVERSATIONS) < 0.9
