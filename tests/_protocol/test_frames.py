"""The frame codec: the same frames from the same bytes, however they come, and each fault
with its own documented outcome."""

from __future__ import annotations

import hashlib
import struct

import pytest

from aiocapdist._protocol.catalog import MAX_BODY, BodyLimits
from aiocapdist._protocol.frames import HEAD_SIZE, Frame, FrameDecoder, encode_frame
from aiocapdist.errors import ProtocolError

CAP = 1000
BODIES = (b"first", b"", b"x" * CAP)
STREAM = b"".join(encode_frame(3212, n, body) for n, body in enumerate(BODIES))


def decoder(cap: int = CAP) -> FrameDecoder:
    return FrameDecoder(lambda proto_id: cap)


def head(*, magic: bytes = b"FT", proto_id: int = 3212, version: int = 0, length: int = 0) -> bytes:
    return struct.pack("<2sIBBII20s8x", magic, proto_id, 0, version, 7, length, bytes(20))


def broken_by(data: bytes, reader: FrameDecoder) -> str:
    assert reader.feed(data) == []
    assert isinstance(reader.error, ProtocolError)
    return str(reader.error)


def test_a_frame_is_a_head_of_44_bytes_little_endian_and_the_body() -> None:
    body = b"\x01\x02"
    assert encode_frame(0x01020304, 0xA1A2A3A4, body) == (
        b"FT"
        + bytes([0x04, 0x03, 0x02, 0x01])  # proto id
        + bytes([0, 0])  # protobuf, version 0
        + bytes([0xA4, 0xA3, 0xA2, 0xA1])  # serial
        + bytes([2, 0, 0, 0])  # length
        + hashlib.sha1(body).digest()
        + bytes(8)
        + body
    )
    assert HEAD_SIZE == 44


def test_an_encrypted_body_has_the_digest_of_the_clear_body() -> None:
    clear = hashlib.sha1(b"clear").digest()
    frame = encode_frame(3212, 1, b"sealed", clear)
    assert decoder().feed(frame) == [Frame(3212, 1, 0, clear, b"sealed")]


def test_several_frames_in_one_read_are_returned_in_order() -> None:
    frames = decoder().feed(STREAM)
    assert [(frame.serial, frame.body) for frame in frames] == list(enumerate(BODIES))
    assert all(frame.digest == hashlib.sha1(frame.body).digest() for frame in frames)


def test_fed_byte_by_byte_each_frame_is_returned_with_its_last_byte() -> None:
    reader = decoder()
    ends = []
    for n in range(len(STREAM)):
        if reader.feed(STREAM[n : n + 1]):
            ends.append(n + 1)
    assert ends == [49, 93, 1137]
    assert (reader.pending, reader.error) == (0, None)


def test_a_long_body_in_small_pieces_is_not_parsed_again_with_each_piece() -> None:
    looks: list[int] = []

    def cap_of(proto_id: int) -> int:
        looks.append(proto_id)
        return CAP

    reader = FrameDecoder(cap_of)
    long = encode_frame(3212, 1, bytes(CAP))
    frames = [frame for n in range(len(long)) for frame in reader.feed(long[n : n + 1])]
    assert [frame.body for frame in frames] == [bytes(CAP)]
    assert looks == [3212, 3212]  # when the head is whole, and when the body is


def test_frames_are_the_same_wherever_the_stream_is_split() -> None:
    whole = decoder().feed(STREAM)
    for cut in range(len(STREAM) + 1):
        reader = decoder()
        assert reader.feed(STREAM[:cut]) + reader.feed(STREAM[cut:]) == whole


@pytest.mark.parametrize("count", [1, 2, 43, 44, 46])
def test_trailing_bytes_are_buffered_until_their_frame_is_complete(count: int) -> None:
    last = encode_frame(3212, 3, b"abc")
    reader = decoder()
    assert len(reader.feed(STREAM + last[:count])) == 3
    assert (reader.pending, reader.error) == (count, None)
    assert [frame.body for frame in reader.feed(last[count:])] == [b"abc"]
    assert reader.pending == 0


def test_feeding_no_bytes_changes_nothing() -> None:
    reader = decoder()
    assert reader.feed(b"") == []
    reader.feed(STREAM[:10])
    assert reader.feed(b"") == []
    assert reader.pending == 10
    assert len(reader.feed(STREAM[10:])) == 3


@pytest.mark.parametrize("proto_id", [*MAX_BODY, 3210])
def test_known_messages_have_limits_of_their_own(proto_id: int) -> None:
    cap = MAX_BODY.get(proto_id, 5000)
    reader = FrameDecoder(BodyLimits(5000).__getitem__)
    assert reader.feed(head(proto_id=proto_id, length=cap)) == []
    assert (reader.pending, reader.error) == (44, None)
    reader = FrameDecoder(BodyLimits(5000).__getitem__)
    text = broken_by(head(proto_id=proto_id, length=cap + 1), reader)
    assert text == (
        f"frame of proto {proto_id} announces {cap + 1} bytes, more than the {cap} allowed"
    )


def test_a_frame_over_max_frame_is_rejected_by_its_head_and_not_buffered() -> None:
    reader = decoder()
    assert "announces 4294967295 bytes" in broken_by(head(length=2**32 - 1), reader)
    assert reader.pending == 0


@pytest.mark.parametrize("start", [b"G", b"GT", b"FX", b"HTTP/1.1 400 Bad Request", b"\x00" * 44])
def test_another_protocol_is_recognised_by_its_first_two_bytes(start: bytes) -> None:
    whole = decoder()
    text = broken_by(start, whole)
    if start.startswith(b"HTTP"):
        assert text == "the peer speaks HTTP, not OpenD's protocol"
    else:
        assert text.startswith("the peer does not speak OpenD's protocol")
        assert repr(start[:2]) in text
    slow = decoder()
    for n in range(min(len(start), 2)):
        slow.feed(start[n : n + 1])
    assert slow.error is not None


def test_a_wrong_magic_after_valid_frames_is_an_error_at_once() -> None:
    reader = decoder()
    assert len(reader.feed(STREAM + b"X")) == 3
    assert isinstance(reader.error, ProtocolError)


def test_another_version_of_the_protocol_is_an_error() -> None:
    text = broken_by(head(version=1), decoder())
    assert text == "frame of protocol version 1; this library speaks 0"


@pytest.mark.parametrize(
    "fault",
    [b"XX" + bytes(42), head(version=9), head(length=CAP + 1)],
    ids=("magic", "version", "length"),
)
def test_frames_before_an_error_are_returned_and_none_after_it(fault: bytes) -> None:
    reader = decoder()
    assert len(reader.feed(STREAM + fault + STREAM)) == 3
    first = reader.error
    assert isinstance(first, ProtocolError)
    assert reader.feed(STREAM) == []
    assert reader.error is first
    assert reader.pending == 0


def test_the_decoder_does_not_check_digest_and_body_format() -> None:
    wrong = bytearray(STREAM[:49])
    wrong[6] = 1  # JSON
    wrong[20] ^= 0xFF  # in the digest
    reader = decoder()
    spoilt, fine = reader.feed(bytes(wrong) + encode_frame(3212, 2, b"fine"))
    assert (spoilt.body_format, spoilt.body) == (1, b"first")
    assert spoilt.digest != hashlib.sha1(b"first").digest()
    assert (fine.serial, fine.body) == (2, b"fine")
    assert reader.error is None


def test_the_reserved_bytes_are_ignored() -> None:
    frame = bytearray(encode_frame(3212, 2, b"fine"))
    frame[36:44] = b"reserved"
    assert [frame.body for frame in decoder().feed(bytes(frame))] == [b"fine"]
