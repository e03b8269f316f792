"""The TCP codec without encryption."""

from __future__ import annotations

import pickle

import pytest

from aiocapdist._pb import init_connect_pb2
from aiocapdist._protocol.codec import HandshakeResult, InvalidMessage, ReplyTooLong
from aiocapdist._protocol.foreign import foreign_protocol
from aiocapdist._protocol.frames import Frame, encode_frame
from aiocapdist._protocol.tcp_codec import TcpCodec
from aiocapdist.errors import BackendError, OpenDError, ProtocolError, UnsupportedSecurity

from .peer import as_json, frames_in, handshake_reply, with_bad_digest


def new_codec(max_frame: int = 1000) -> TcpCodec:
    return TcpCodec(client_id="me", max_frame=max_frame)


def decoded(*data: bytes, max_frame: int = 1000) -> list[bytes | str]:
    """Return the clear body of each frame, or the text of its error."""
    codec = new_codec(max_frame)
    bodies: list[bytes | str] = []
    for frame in codec.feed(b"".join(data)):
        try:
            bodies.append(codec.decode(frame))
        except InvalidMessage as invalid:
            bodies.append(invalid.error.args[0])
    assert codec.error is None
    return bodies


GOOD = encode_frame(3212, 2, b"good")


def test_a_wrong_digest_makes_its_own_frame_invalid_only() -> None:
    spoilt = with_bad_digest(encode_frame(3212, 1, b"body"))
    assert decoded(GOOD, spoilt, GOOD) == [
        b"good",
        "reply 3212: the digest does not match the body",
        b"good",
    ]


@pytest.mark.parametrize("at", range(4))
def test_any_changed_byte_of_a_body_makes_it_invalid(at: int) -> None:
    frame = bytearray(encode_frame(3212, 1, b"body"))
    frame[44 + at] ^= 0x80
    assert decoded(bytes(frame), GOOD) == [
        "reply 3212: the digest does not match the body",
        b"good",
    ]


def test_an_invalid_frame_has_a_protocol_error_for_its_caller() -> None:
    codec = new_codec()
    (frame,) = codec.feed(with_bad_digest(GOOD))
    with pytest.raises(InvalidMessage, match="the digest does not match") as caught:
        codec.decode(frame)
    assert isinstance(caught.value.error, ProtocolError)


def test_a_json_body_makes_its_own_frame_invalid_only() -> None:
    spoilt = as_json(encode_frame(1002, 1, b"{}"))
    assert decoded(spoilt, GOOD) == ["reply 1002: body format 1, expected protobuf", b"good"]


def test_the_digest_of_an_empty_body_is_checked() -> None:
    empty = encode_frame(3212, 1, b"")
    assert decoded(empty, with_bad_digest(empty)) == [
        b"",
        "reply 3212: the digest does not match the body",
    ]


def test_known_replies_have_a_limit_of_their_own_whatever_max_frame_is() -> None:
    own = encode_frame(3212, 1, bytes(16_384))
    assert decoded(own) == [bytes(16_384)]  # max_frame is 1000
    too_long = encode_frame(3212, 1, bytes(16_385))
    assert decoded(GOOD, too_long, GOOD, max_frame=16_385) == [
        b"good",
        "reply 3212: it has 16385 bytes, more than the 16384 allowed",
        b"good",
    ]
    codec = new_codec(max_frame=16_384)
    assert codec.feed(too_long) == []
    assert "more than the 16384 allowed" in str(codec.error)


def test_errors_that_reach_users_can_be_pickled() -> None:
    errors: list[ProtocolError] = [ReplyTooLong(3212, 18_000, 16_384), foreign_protocol("TLS")]
    for error in errors:
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy), copy.reason) == (type(error), str(error), error.reason)


def test_other_replies_may_be_as_long_as_max_frame() -> None:
    assert decoded(encode_frame(3213, 1, bytes(1000))) == [bytes(1000)]
    codec = new_codec()
    assert codec.feed(encode_frame(3213, 1, bytes(1001))) == []
    assert "more than the 1000 allowed" in str(codec.error)


def test_a_message_is_one_frame() -> None:
    (frame,) = frames_in(new_codec().encode(3212, 2**32 - 1, b"body"))
    assert frame == Frame(3212, 2**32 - 1, 0, frame.digest, b"body")
    assert new_codec().decode(frame) == b"body"


# Handshake


def test_the_handshake_has_our_id_and_requests_notices_without_encryption() -> None:
    proto_id, body = new_codec().encode_handshake()
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


def test_the_handshake_reply_is_decoded() -> None:
    result = new_codec().decode_handshake(handshake_reply(keepAliveInterval=5))
    assert result == HandshakeResult(2**63, 1011, 7, 5.0)


@pytest.mark.parametrize("interval", [0, -1, -(2**31), 10, 60, 3600, 2**31 - 1])
def test_the_keep_alive_interval_is_ten_seconds_if_none_or_a_longer_one_is_stated(
    interval: int,
) -> None:
    result = new_codec().decode_handshake(handshake_reply(keepAliveInterval=interval))
    assert result.keep_alive_interval == 10.0


def test_a_handshake_reply_may_have_no_key() -> None:
    assert new_codec().decode_handshake(handshake_reply(connAESKey="")).conn_id == 2**63


@pytest.mark.parametrize(
    ("ret_type", "text", "kind"),
    [
        (-1, "the client is too old", OpenDError),
        (-1, "not supported", UnsupportedSecurity),
        (-100, "", BackendError),
        (-400, "", OpenDError),
    ],
)
def test_a_failed_handshake_raises_opends_error(
    ret_type: int, text: str, kind: type[OpenDError]
) -> None:
    body = init_connect_pb2.Response(retType=ret_type, retMsg=text, errCode=3).SerializeToString()
    with pytest.raises(OpenDError) as caught:
        new_codec().decode_handshake(body)
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
def test_a_handshake_reply_without_a_required_field_is_a_protocol_error(field: str) -> None:
    with pytest.raises(ProtocolError, match=rf"lacks required fields: s2c\.{field}$"):
        new_codec().decode_handshake(without(field))


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
def test_an_invalid_handshake_reply_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        new_codec().decode_handshake(body)
