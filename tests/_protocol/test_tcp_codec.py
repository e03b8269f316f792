"""The TCP door in the clear: what it says, and what it makes of what it hears."""

from __future__ import annotations

import pytest

from aiocapdist._pb import init_connect_pb2
from aiocapdist._protocol.codec import HandshakeResult, InvalidMessage
from aiocapdist._protocol.frames import Frame, encode_frame
from aiocapdist._protocol.tcp_codec import TcpCodec
from aiocapdist.errors import BackendError, OpenDError, ProtocolError, UnsupportedSecurity

from .peer import as_json, frames_in, handshake_reply, with_bad_digest


def door(max_frame: int = 1000) -> TcpCodec:
    return TcpCodec(client_id="me", max_frame=max_frame)


def heard(*data: bytes) -> list[bytes | str]:
    """What the door makes of these bytes: a clear body each, or the text of what spoilt it."""
    codec = door()
    bodies: list[bytes | str] = []
    for frame in codec.feed(b"".join(data)):
        try:
            bodies.append(codec.decode(frame))
        except InvalidMessage as spoilt:
            bodies.append(spoilt.error.args[0])
    assert codec.error is None
    return bodies


GOOD = encode_frame(3212, 2, b"good")


def test_a_wrong_digest_spoils_its_own_frame_and_no_other() -> None:
    spoilt = with_bad_digest(encode_frame(3212, 1, b"body"))
    assert heard(GOOD, spoilt, GOOD) == [
        b"good",
        "reply 3212: the digest does not match the body",
        b"good",
    ]


@pytest.mark.parametrize("at", range(4))
def test_any_byte_of_a_body_that_was_changed_spoils_it(at: int) -> None:
    frame = bytearray(encode_frame(3212, 1, b"body"))
    frame[44 + at] ^= 0x80
    assert heard(bytes(frame), GOOD) == ["reply 3212: the digest does not match the body", b"good"]


def test_what_spoilt_a_frame_is_a_protocol_error_for_its_caller() -> None:
    codec = door()
    (frame,) = codec.feed(with_bad_digest(GOOD))
    with pytest.raises(InvalidMessage, match="the digest does not match") as caught:
        codec.decode(frame)
    assert isinstance(caught.value.error, ProtocolError)


def test_a_json_body_spoils_its_own_frame_and_no_other() -> None:
    spoilt = as_json(encode_frame(1002, 1, b"{}"))
    assert heard(spoilt, GOOD) == ["reply 1002: body format 1, expected protobuf", b"good"]


def test_an_empty_body_has_a_digest_too() -> None:
    empty = encode_frame(3212, 1, b"")
    assert heard(empty, with_bad_digest(empty)) == [
        b"",
        "reply 3212: the digest does not match the body",
    ]


def test_known_calls_keep_their_own_caps_whatever_the_largest_frame_is() -> None:
    own = encode_frame(3212, 1, bytes(16_384))
    assert heard(own) == [bytes(16_384)]  # though others may have 1000 alone
    codec = door(max_frame=2**24)
    assert codec.feed(encode_frame(3212, 1, bytes(16_385))) == []
    assert "more than the 16384 allowed" in str(codec.error)


def test_other_calls_may_be_as_long_as_the_largest_frame() -> None:
    assert heard(encode_frame(3210, 1, bytes(1000))) == [bytes(1000)]
    codec = door()
    assert codec.feed(encode_frame(3210, 1, bytes(1001))) == []
    assert "more than the 1000 allowed" in str(codec.error)


def test_what_it_encodes_is_one_frame() -> None:
    (frame,) = frames_in(door().encode(3212, 2**32 - 1, b"body"))
    assert frame == Frame(3212, 2**32 - 1, 0, frame.digest, b"body")
    assert door().decode(frame) == b"body"


# ---- being let in


def test_the_greeting_tells_who_we_are_and_asks_for_notices_in_the_clear() -> None:
    proto_id, body = door().encode_handshake()
    c2s = init_connect_pb2.Request.FromString(body).c2s
    told = {field.name: value for field, value in c2s.ListFields()}
    assert proto_id == 1001
    assert told == {
        "clientVer": 1011,
        "clientID": "me",
        "recvNotify": True,
        "packetEncAlgo": -1,
        "pushProtoFmt": 0,
        "programmingLanguage": "Python",
    }


def test_the_welcome_is_read() -> None:
    assert door().decode_handshake(handshake_reply(keepAliveInterval=15)) == HandshakeResult(
        2**63, 1011, 7, 15.0
    )


@pytest.mark.parametrize("interval", [0, -1, -(2**31)])
def test_where_no_interval_is_told_keep_alives_go_by_ten_seconds(interval: int) -> None:
    assert (
        door().decode_handshake(handshake_reply(keepAliveInterval=interval)).keep_alive_interval
        == 10.0
    )


def test_stand_ins_may_let_in_without_a_key() -> None:
    assert door().decode_handshake(handshake_reply(connAESKey="")).conn_id == 2**63


@pytest.mark.parametrize(
    ("ret_type", "text", "kind"),
    [
        (-1, "the client is too old", OpenDError),
        (-1, "not supported", UnsupportedSecurity),
        (-100, "", BackendError),
        (-400, "", OpenDError),
    ],
)
def test_not_being_let_in_is_the_error_that_opend_told(
    ret_type: int, text: str, kind: type[OpenDError]
) -> None:
    body = init_connect_pb2.Response(retType=ret_type, retMsg=text, errCode=3).SerializeToString()
    with pytest.raises(OpenDError) as caught:
        door().decode_handshake(body)
    error = caught.value
    assert type(error) is kind
    assert (error.ret_type, error.ret_msg, error.err_code, error.code) == (ret_type, text, 3, None)


def without(field: str) -> bytes:
    response = init_connect_pb2.Response.FromString(handshake_reply())
    response.s2c.ClearField(field)
    body: bytes = response.SerializePartialToString()
    return body


@pytest.mark.parametrize(
    "field", ["serverVer", "loginUserID", "connID", "connAESKey", "keepAliveInterval"]
)
def test_a_welcome_that_lacks_a_required_field_is_none(field: str) -> None:
    with pytest.raises(ProtocolError, match=rf"lacks required fields: s2c\.{field}$"):
        door().decode_handshake(without(field))


@pytest.mark.parametrize(
    "body",
    [
        init_connect_pb2.Response(retType=0).SerializeToString(),
        b"",
        b"\xff\xff\xff",
        handshake_reply()[:-1],
    ],
    ids=["success that tells nothing", "no bytes", "no protobuf", "cut off"],
)
def test_what_is_no_welcome_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        door().decode_handshake(body)
