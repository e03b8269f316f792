"""The frame decoder against arbitrary bytes, compared with a slow and simple reader."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from aiocapdist._protocol.frames import HEAD_SIZE, Frame, FrameDecoder, encode_frame
from aiocapdist.errors import ProtocolError

LIMITS = {3212: 20, 1003: 0}
MAX_FRAME = 60
U32 = st.integers(0, 2**32 - 1)
PROTO_IDS = st.sampled_from([3212, 1003, 1, 2**32 - 1])


def limit(proto_id: int) -> int:
    return LIMITS.get(proto_id, MAX_FRAME)


def read_slowly(data: bytes) -> tuple[list[Frame], bytes | None]:
    """Return the frames in the whole stream, and the unfinished rest; None if it is unreadable."""
    frames: list[Frame] = []
    while data[:1] == b"F" and data[1:2] in (b"T", b""):
        if len(data) < 44:
            return frames, data
        proto_id = int.from_bytes(data[2:6], "little")
        serial = int.from_bytes(data[8:12], "little")
        length = int.from_bytes(data[12:16], "little")
        if data[7] != 0 or length > MAX_FRAME:
            return frames, None
        if length > limit(proto_id):
            frames.append(Frame(proto_id, serial, data[6], b"", b"", length))
            data = data[44 + length :]
            continue
        if len(data) < 44 + length:
            return frames, data
        frames.append(Frame(proto_id, serial, data[6], data[16:36], data[44 : 44 + length]))
        data = data[44 + length :]
    return frames, b"" if data == b"" else None


def read(chunks: Iterable[bytes]) -> tuple[list[Frame], FrameDecoder]:
    """Return what the decoder returns. It never buffers more than one frame."""
    decoder = FrameDecoder(limit, MAX_FRAME)
    frames = []
    for chunk in chunks:
        frames += decoder.feed(chunk)
        assert decoder.error is None or isinstance(decoder.error, ProtocolError)
        assert decoder.pending < HEAD_SIZE + MAX_FRAME
    return frames, decoder


@st.composite
def chunked(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """These bytes, split anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    edges = [0, *cuts, len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@st.composite
def frames(draw: st.DrawFn) -> list[Frame]:
    made = []
    for proto_id in draw(st.lists(PROTO_IDS, max_size=6)):
        body = draw(st.binary(max_size=MAX_FRAME))
        made += FrameDecoder(limit, MAX_FRAME).feed(encode_frame(proto_id, draw(U32), body))
    return made


def encoded(frame: Frame) -> bytes:
    return encode_frame(frame.proto_id, frame.serial, frame.body or bytes(frame.discarded))


@st.composite
def damaged_streams(draw: st.DrawFn) -> bytes:
    """Valid frames with some bytes changed, and perhaps without their end."""
    data = bytearray(b"".join(map(encoded, draw(frames()))))
    for place in draw(st.lists(st.integers(0, max(len(data) - 1, 0)), max_size=3)):
        if data:
            data[place] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))])


@settings(max_examples=150)
@given(st.data())
def test_frames_are_the_same_in_any_chunks(data: st.DataObject) -> None:
    wanted = data.draw(frames())
    stream = b"".join(map(encoded, wanted))
    got, decoder = read(data.draw(chunked(stream)))
    assert got == wanted
    assert (decoder.pending, decoder.error) == (0, None)


@settings(max_examples=250)
@given(st.data())
def test_it_reads_the_same_as_the_slow_reader_from_any_bytes_in_any_chunks(
    data: st.DataObject,
) -> None:
    stream = data.draw(st.one_of(st.binary(max_size=150), damaged_streams()))
    wanted, left = read_slowly(stream)
    got, decoder = read(data.draw(chunked(stream)))
    assert got == wanted
    assert (decoder.error is not None) == (left is None)
    assert decoder.pending == len(left or b"")
