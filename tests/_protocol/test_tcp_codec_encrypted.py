"""The TCP door with encryption: what is sealed, with what, and what is accepted."""

from __future__ import annotations

import pytest

from aiocapdist._pb import init_connect_pb2
from aiocapdist._protocol.ciphers import CLEAR, AesCbc, Algorithm, Rsa
from aiocapdist._protocol.frames import digest_of, encode_frame
from aiocapdist._protocol.session_events import (
    HandshakeCompleted,
    PushReceived,
    ReplyInvalid,
    ReplyReceived,
    RequestSettled,
)
from aiocapdist._protocol.state import State
from aiocapdist.errors import ProtocolError

from ..support.transports import rsa_key
from .encrypted import CIPHERS, WELCOME, greeting, ready, sealed_frame
from .peer import as_json, figures, frames_in, handshake_reply, notice

SEALING = [Algorithm.AES_CBC, Algorithm.FTAES_ECB]
UNREADABLE = "a message could not be decrypted"
IN_THE_CLEAR = "OpenD answered in the clear, although encryption was asked for"
each_cipher = pytest.mark.parametrize("algorithm", SEALING, ids=lambda each: each.name)


@each_cipher
@pytest.mark.parametrize("bits", [1024, 2048, 3072, 4096])
def test_the_greeting_is_sealed_and_asks_for_the_cipher(algorithm: Algorithm, bits: int) -> None:
    made = greeting(algorithm, bits=bits)
    ((frame, body),) = made.sent(made.greets)
    asked = init_connect_pb2.Request.FromString(body).c2s
    assert (asked.packetEncAlgo, asked.clientID) == (algorithm.value, "tests")
    assert len(frame.body) == bits // 8
    assert frame.digest == digest_of(body), "of the clear body, as the vendor's client does"
    assert b"tests" not in frame.body


def test_a_long_greeting_takes_several_blocks() -> None:
    made = greeting(Algorithm.AES_CBC, client_id="x" * 333)
    ((frame, body),) = made.sent(made.greets)
    assert init_connect_pb2.Request.FromString(body).c2s.clientID == "x" * 333
    assert len(frame.body) == 4 * 128
    assert len(body) > 333


@each_cipher
def test_all_that_follows_is_sealed_with_the_connections_key(algorithm: Algorithm) -> None:
    made = ready(algorithm)
    made.session.request(3212, b"a question", "mine", 0.0)
    made.session.handle_timer(8.0, 1_700_000_000.0)
    question, keep_alive = made.sent(made.after)
    assert [question[0].proto_id, keep_alive[0].proto_id] == [3212, 1004]
    assert question[1] == b"a question"
    for frame, body in (question, keep_alive):
        assert frame.digest == digest_of(body)
        assert len(frame.body) % 16 == 0


@each_cipher
def test_a_reply_of_any_length_is_opened(algorithm: Algorithm) -> None:
    made = ready(algorithm)
    for length in range(100):
        body = bytes(range(length))
        flight = made.session.request(3211, b"question", "mine", 0.0)
        made.session.data_to_send()
        data = sealed_frame(made.after, *flight.key, body)
        assert made.session.receive_data(data, 1.0) == [ReplyReceived(flight, body)]


@each_cipher
@pytest.mark.parametrize(
    "welcome", [WELCOME, handshake_reply(connAESKey="k" * 16, aesCBCiv="i" * 16)]
)
def test_the_welcome_may_take_several_blocks(algorithm: Algorithm, welcome: bytes) -> None:
    made = greeting(algorithm)
    made.session.data_to_send()
    long = welcome + b"\x1a\xc8\x01" + b"y" * 200  # a field that we do not know
    (event,) = made.session.receive_data(sealed_frame(made.greets, 1001, 1, long), 0.0)
    assert isinstance(event, HandshakeCompleted)
    assert event.result.conn_id == 2**63


@each_cipher
def test_a_sealed_push_is_opened(algorithm: Algorithm) -> None:
    made = ready(algorithm)
    (clear,) = frames_in(notice())
    data = sealed_frame(made.after, 1003, 99, clear.body)
    assert made.session.receive_data(data, 1.0) == [PushReceived(1003, clear.body)]


@each_cipher
def test_a_sealed_body_that_is_json_spoils_its_own_reply_alone(algorithm: Algorithm) -> None:
    made = ready(algorithm)
    one, two = (made.session.request(3212, b"", name, 0.0) for name in ("one", "two"))
    made.session.data_to_send()
    data = as_json(sealed_frame(made.after, *one.key, b"{}"))
    data += sealed_frame(made.after, *two.key, b"good")
    spoilt, good = made.session.receive_data(data, 1.0)
    assert isinstance(spoilt, ReplyInvalid)
    assert "body format 1" in str(spoilt.error)
    assert good == ReplyReceived(two, b"good")


# ---- what ends the connection


def ended_by(algorithm: Algorithm, data: bytes) -> str:
    made = ready(algorithm)
    flight = made.session.request(3212, b"question", "mine", 0.0)
    made.session.data_to_send()
    assert made.session.receive_data(data, 1.0) == []
    assert made.session.state is State.CLOSED
    assert type(made.session.cause) is ProtocolError
    # Whoever waited is told by the connection, and only there.
    assert made.session.drain() == ([flight], [])
    return str(made.session.cause)


@each_cipher
@pytest.mark.parametrize("length", [0, 1, 15, 16, 32, 100])
def test_a_reply_in_the_clear_is_refused(algorithm: Algorithm, length: int) -> None:
    clear = encode_frame(3212, 2, figures(1.0)[:length])
    assert ended_by(algorithm, clear) == UNREADABLE


@each_cipher
def test_a_push_in_the_clear_is_refused(algorithm: Algorithm) -> None:
    assert ended_by(algorithm, notice()) == UNREADABLE


@each_cipher
def test_a_reply_sealed_otherwise_is_refused(algorithm: Algorithm) -> None:
    other = CIPHERS[SEALING[1 - SEALING.index(algorithm)]]
    assert ended_by(algorithm, sealed_frame(other, 3212, 2, figures(1.0))) == UNREADABLE
    rsa = Rsa(rsa_key())
    assert ended_by(algorithm, sealed_frame(rsa, 3212, 2, b"hello")) == UNREADABLE


@each_cipher
def test_nothing_of_the_same_read_is_used_after_what_cannot_be_opened(
    algorithm: Algorithm,
) -> None:
    good = sealed_frame(CIPHERS[algorithm], 3212, 2, figures(1.0))
    assert ended_by(algorithm, notice() + good) == UNREADABLE


@each_cipher
def test_a_late_reply_is_dropped_unopened(algorithm: Algorithm) -> None:
    """Nobody reads it: whether it could be opened is no reason to end the connection."""
    made = ready(algorithm)
    flight = made.session.request(3212, b"question", "mine", 0.0)
    made.session.data_to_send()
    assert made.session.cancel(flight)
    (settled,) = made.session.receive_data(encode_frame(*flight.key, b"in the clear"), 1.0)
    assert settled == RequestSettled(flight, late=True)
    assert made.session.state is State.READY


# ---- the hand-shake


def refused_welcome(data: bytes) -> str:
    made = greeting(Algorithm.AES_CBC)
    made.session.data_to_send()
    assert made.session.receive_data(data, 0.0) == []
    assert made.session.state is State.CLOSED
    assert made.session.data_to_send() == []
    return str(made.session.cause)


@pytest.mark.parametrize(
    "welcome", [WELCOME, handshake_reply(connAESKey=""), b""], ids=["with keys", "without", "empty"]
)
def test_a_welcome_in_the_clear_is_refused_and_told_so(welcome: bytes) -> None:
    if welcome:
        assert refused_welcome(sealed_frame(CLEAR, 1001, 1, welcome)) == IN_THE_CLEAR
    else:
        # Nothing, sealed, is nothing: there is no telling, and it is no welcome either.
        assert "lacks required fields" in refused_welcome(sealed_frame(CLEAR, 1001, 1, b""))


def test_a_welcome_sealed_with_another_key_is_refused() -> None:
    other = Rsa(rsa_key(number=1))
    assert refused_welcome(sealed_frame(other, 1001, 1, WELCOME)) == UNREADABLE


@pytest.mark.parametrize(
    "fields",
    [
        {"connAESKey": ""},
        {"connAESKey": "sentinel"},
        {"connAESKey": "sentinel" * 4},
        {"aesCBCiv": ""},
        {"aesCBCiv": "sentinel"},
    ],
    ids=str,
)
def test_a_welcome_without_a_usable_key_is_refused(fields: dict[str, str]) -> None:
    body = handshake_reply(**{"connAESKey": "k" * 16, "aesCBCiv": "i" * 16, **fields})
    text = refused_welcome(sealed_frame(Rsa(rsa_key()), 1001, 1, body))
    assert text == "OpenD told no usable key for this connection"


def test_a_key_need_not_be_a_text_though_its_field_is_one() -> None:
    key, iv = b"\xff" * 16, b"\xfe" * 16
    body = handshake_reply(connAESKey="k" * 16, aesCBCiv="i" * 16)
    body = body.replace(b"k" * 16, key).replace(b"i" * 16, iv)
    made = greeting(Algorithm.AES_CBC)
    made.session.data_to_send()
    made.session.receive_data(sealed_frame(made.greets, 1001, 1, body), 0.0)
    made.session.request(3212, b"question", "mine", 0.0)
    ((_, question),) = made.sent(AesCbc(key, iv))
    assert question == b"question"


def test_ftaes_needs_no_iv() -> None:
    made = greeting(Algorithm.FTAES_ECB)
    made.session.data_to_send()
    body = handshake_reply(connAESKey="k" * 16)
    made.session.receive_data(sealed_frame(made.greets, 1001, 1, body), 0.0)
    assert made.session.state is State.READY
