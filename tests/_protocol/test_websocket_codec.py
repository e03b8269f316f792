"""The WebSocket codec, and a session that uses it."""

from __future__ import annotations

import struct

import pytest

from aiocapdist._pb import init_websocket_pb2
from aiocapdist._protocol import catalog
from aiocapdist._protocol.codec import HandshakeResult
from aiocapdist._protocol.session import Session
from aiocapdist._protocol.session_events import (
    HandshakeCompleted,
    PushReceived,
    ReplyInvalid,
    ReplyReceived,
)
from aiocapdist._protocol.state import State
from aiocapdist._protocol.websocket_codec import WebSocketCodec, key_digest
from aiocapdist.errors import AiocapdistError, BackendError, OpenDError, ProtocolError

from .peer import figures, frames_in, notice

KEY = "message digest"  # of RFC 1321, as its MD5 is
MD5 = "f96b697d7cb7938d525a2f31aaf161d0"


def envelope(
    proto_id: int, serial: int, body: bytes = b"", error: int = 0, text: bytes = b""
) -> bytes:
    """Return a message as OpenD sends it, by the vendor's description."""
    return b"ft-v1.0\0" + struct.pack(">IQi20s", proto_id, serial, error, text) + body


def handshake_reply(conn_id: int = 9) -> bytes:
    s2c = init_websocket_pb2.S2C(serverTime=1, connID=conn_id)
    response = init_websocket_pb2.Response(retType=0, retMsg="", errCode=0, s2c=s2c)
    return response.SerializeToString()


def fresh(*, max_frame: int = 2**20, key: str = KEY) -> Session[str]:
    codec = WebSocketCodec(client_id="tests", max_frame=max_frame, key=key)
    session: Session[str] = Session(codec, first_serial=0, request_timeout=10.0)
    session.start(0.0, 5.0)
    return session


def ready(**options: int) -> Session[str]:
    session = fresh(**options)  # type: ignore[arg-type]
    session.data_to_send()
    session.receive_data(envelope(1, 1, handshake_reply()), 0.0)
    assert session.state is State.READY
    return session


# Sending


def test_the_handshake_is_command_1_with_the_keys_md5() -> None:
    (message,) = fresh().data_to_send()
    assert message[:20] == b"ft-v1.0\0" + b"\0\0\0\x01" + b"\0\0\0\0\0\0\0\x01"
    asked = init_websocket_pb2.Request.FromString(message[20:]).c2s
    told = {field.name: value for field, value in asked.ListFields()}
    # The field RSAPrivateKey is never set.
    assert told == {"websocketKey": MD5, "clientID": "tests", "programmingLanguage": "Python"}


def test_a_key_is_sent_as_its_md5_and_no_key_as_an_empty_string() -> None:
    assert key_digest(KEY) == MD5
    assert key_digest("密钥") == "cdb81cf67c392f7fd736c0c1e437bade"
    assert key_digest("") == ""
    (message,) = fresh(key="").data_to_send()
    assert init_websocket_pb2.Request.FromString(message[20:]).c2s.websocketKey == ""


def test_each_request_is_one_message_with_its_serial_as_section() -> None:
    session = ready()
    session.request(3212, b"first", "one", 0.0)
    session.request(3212, b"second", "two", 0.0)
    head = b"ft-v1.0\0\0\0\x0c\x8c\0\0\0\0\0\0\0"
    assert session.data_to_send() == [head + b"\x02first", head + b"\x03second"]


# Receiving


def test_the_handshake_result_has_the_connection_id_only() -> None:
    session = fresh()
    session.data_to_send()
    (event,) = session.receive_data(envelope(1, 1, handshake_reply(2**64 - 1)), 0.0)
    assert event == HandshakeCompleted(HandshakeResult(2**64 - 1, None, None, 10.0))


def test_a_reply_belongs_to_its_command_and_section() -> None:
    session = ready()
    flight = session.request(3212, b"", "mine", 0.0)
    session.data_to_send()
    assert session.receive_data(envelope(3212, 99, b"another's"), 1.0) == []
    assert session.receive_data(envelope(3211, 2, b"another's"), 1.0) == []
    assert session.receive_data(envelope(3212, 2, b"mine"), 1.0) == [ReplyReceived(flight, b"mine")]


def test_a_push_is_recognised_by_its_command() -> None:
    session = ready()
    (frame,) = frames_in(notice())
    events = session.receive_data(envelope(1003, 0, frame.body), 1.0)
    assert events == [PushReceived(1003, frame.body)]


TIMED_OUT, DISCONNECTED, UNKNOWN = -100, -200, -400


@pytest.mark.parametrize(
    ("number", "text", "kind", "ret_type", "told"),
    [
        (1, b"", BackendError, TIMED_OUT, "OpenD did not answer its WebSocket service in time"),
        (
            *(2, b"", BackendError, TIMED_OUT),
            "the vendor's servers did not answer OpenD in time",
        ),
        (
            *(3, b"", BackendError, DISCONNECTED),
            "the connection between OpenD and its WebSocket service broke",
        ),
        (
            *(3, b"bye", BackendError, DISCONNECTED),
            "the connection between OpenD and its WebSocket service broke (bye)",
        ),
        (4, b"", OpenDError, UNKNOWN, "error 4 of the WebSocket protocol"),
        (4, b"no such call", OpenDError, UNKNOWN, "no such call"),
        (-1, b"", OpenDError, UNKNOWN, "error -1 of the WebSocket protocol"),
        (2**31 - 1, b"x" * 20, OpenDError, UNKNOWN, "x" * 20),
        (7, "太频".encode() + b"\xe7\xb9", OpenDError, UNKNOWN, "太频\ufffd"),
    ],
)
def test_an_error_number_fails_its_own_call_only(
    number: int, text: bytes, kind: type[AiocapdistError], ret_type: int, told: str
) -> None:
    session = ready()
    spoilt, good = (session.request(3212, b"", name, 0.0) for name in ("spoilt", "good"))
    session.data_to_send()
    (event,) = session.receive_data(
        envelope(spoilt.proto_id, spoilt.serial, b"body", number, text), 1.0
    )
    assert isinstance(event, ReplyInvalid)
    assert event.flight is spoilt
    error = event.error
    assert type(error) is kind
    assert isinstance(error, OpenDError)
    assert (error.ret_type, error.ret_msg, error.err_code) == (ret_type, told, number)
    assert session.receive_data(envelope(good.proto_id, good.serial, b"fine"), 1.0) == [
        ReplyReceived(good, b"fine")
    ]


@pytest.mark.parametrize("number", [1, 2, 3, 4, -1])
def test_any_error_number_of_the_handshake_is_a_refusal(number: int) -> None:
    session = fresh()
    session.data_to_send()
    assert session.receive_data(envelope(1, 1, b"", number, b"wrong key"), 0.0) == []
    assert session.state is State.CLOSED
    cause = session.cause
    assert type(cause) is OpenDError
    assert (cause.ret_type, cause.ret_msg, cause.err_code) == (UNKNOWN, "wrong key", number)


@pytest.mark.parametrize(("ret_type", "kind"), [(-1, OpenDError), (0, ProtocolError)])
def test_an_invalid_handshake_reply_ends_the_connection(
    ret_type: int, kind: type[Exception]
) -> None:
    session = fresh()
    session.data_to_send()
    refused = init_websocket_pb2.Response(retType=ret_type).SerializeToString()
    assert session.receive_data(envelope(1, 1, refused), 0.0) == []
    assert (session.state, type(session.cause)) == (State.CLOSED, kind)


def test_an_invalid_notice_is_ignored() -> None:
    session = ready()
    assert session.receive_data(envelope(1003, 0, b"", 1), 1.0) == []
    assert session.state is State.READY


@pytest.mark.parametrize("serial", [0, 1, 2])
def test_command_2_ends_the_connection(serial: int) -> None:
    session = ready()
    flight = session.request(3212, b"", "mine", 0.0)
    assert session.receive_data(envelope(2, serial), 1.0) == []
    assert session.state is State.CLOSED
    assert str(session.cause) == "OpenD behind its WebSocket service is gone"
    assert session.drain() == ([flight], [])


@pytest.mark.parametrize(
    "message",
    [b"", b"f", b"ft-v1.0\0", envelope(3212, 2)[:43], b"FT" + bytes(60), b"ft-v2.0\0" + bytes(60)],
    ids=len,
)
def test_an_invalid_message_ends_the_connection(message: bytes) -> None:
    session = ready()
    assert session.receive_data(message, 1.0) == []
    assert session.state is State.CLOSED
    assert isinstance(session.cause, ProtocolError)
    assert "does not speak OpenD's protocol" in str(session.cause)
    assert session.receive_data(envelope(3212, 2), 2.0) == [], "what follows is not read"


LIMIT = catalog.MAX_BODY[3212]


@pytest.mark.parametrize(
    ("proto_id", "max_frame", "limit"),
    [(3212, 1000, LIMIT), (3213, 50_000, 50_000)],
    ids=["its own limit", "max_frame"],
)
def test_a_body_over_max_frame_ends_the_connection(
    proto_id: int, max_frame: int, limit: int
) -> None:
    session = ready(max_frame=max_frame)
    flight = session.request(proto_id, b"", "mine", 0.0)
    session.data_to_send()
    (event,) = session.receive_data(envelope(flight.proto_id, flight.serial, bytes(limit)), 1.0)
    assert event == ReplyReceived(flight, bytes(limit))
    session.receive_data(envelope(proto_id, 3, bytes(limit + 1)), 1.0)
    assert session.state is State.CLOSED
    assert str(session.cause) == (
        f"reply {proto_id}: it has {limit + 1} bytes, more than the {limit} allowed"
    )


@pytest.mark.parametrize("number", [0, 4])
def test_a_body_over_its_limit_but_within_max_frame_fails_its_own_call_only(number: int) -> None:
    session = ready(max_frame=50_000)
    long, good = (session.request(3212, b"", name, 0.0) for name in ("long", "good"))
    session.data_to_send()
    (event,) = session.receive_data(
        envelope(long.proto_id, long.serial, bytes(18_000), number), 1.0
    )
    assert isinstance(event, ReplyInvalid)
    assert event.flight is long
    assert ("it has 18000 bytes, more than the 16384" in str(event.error)) == (number == 0)
    assert session.receive_data(envelope(good.proto_id, good.serial, b"fine"), 1.0) == [
        ReplyReceived(good, b"fine")
    ]


# Time


def test_keep_alives_are_sent_every_8_s() -> None:
    session = ready()
    sent_at = []
    for _ in range(3):
        now = session.get_timer()
        assert now is not None
        session.handle_timer(now, 1_700_000_000.0)
        (message,) = session.data_to_send()
        (proto_id, serial) = struct.unpack_from(">IQ", message, 8)
        assert proto_id == 1004
        sent_at.append(now)
        session.receive_data(envelope(1004, serial, figures(1.0)), now)
    assert sent_at == pytest.approx([8.0, 16.0, 24.0])


def test_the_connection_is_dead_ten_seconds_after_an_unanswered_keep_alive() -> None:
    session = ready()
    session.receive_data(envelope(1003, 0), 5.0)
    ended_at = 0.0
    while session.state is State.READY:
        due = session.get_timer()
        assert due is not None
        assert due > ended_at
        ended_at = due
        session.handle_timer(due, 1_700_000_000.0)
        session.data_to_send()
    assert ended_at == pytest.approx(18.0)
    assert str(session.cause) == "nothing heard from OpenD for 13 s"
