"""The TCP codec with encryption: what is encrypted, with which key, and what is accepted."""

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
from .encrypted import CIPHERS, WELCOME, handshaking, ready, sealed_frame
from .peer import as_json, figures, frames_in, handshake_reply, notice

ALGORITHMS = [Algorithm.AES_CBC, Algorithm.FTAES_ECB]
UNREADABLE = "a message could not be decrypted"
IN_THE_CLEAR = "OpenD answered in the clear, although encryption was requested"
each_cipher = pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda each: each.name)


@each_cipher
@pytest.mark.parametrize("bits", [1024, 2048, 3072, 4096])
def test_the_handshake_is_encrypted_and_requests_the_cipher(
    algorithm: Algorithm, bits: int
) -> None:
    made = handshaking(algorithm, bits=bits)
    ((frame, body),) = made.sent(made.handshake_cipher)
    asked = init_connect_pb2.Request.FromString(body).c2s
    assert (asked.packetEncAlgo, asked.clientID) == (algorithm.value, "tests")
    assert len(frame.body) == bits // 8
    assert frame.digest == digest_of(body), "of the clear body, like the vendor's client"
    assert b"tests" not in frame.body


def test_a_long_handshake_takes_several_blocks() -> None:
    made = handshaking(Algorithm.AES_CBC, client_id="x" * 333)
    ((frame, body),) = made.sent(made.handshake_cipher)
    assert init_connect_pb2.Request.FromString(body).c2s.clientID == "x" * 333
    assert len(frame.body) == 4 * 128
    assert len(body) > 333


@each_cipher
def test_everything_after_the_handshake_is_encrypted_with_the_connections_key(
    algorithm: Algorithm,
) -> None:
    made = ready(algorithm)
    made.session.request(3212, b"a request", "mine", 0.0)
    made.session.handle_timer(8.0, 1_700_000_000.0)
    request, keep_alive = made.sent(made.session_cipher)
    assert [request[0].proto_id, keep_alive[0].proto_id] == [3212, 1004]
    assert request[1] == b"a request"
    for frame, body in (request, keep_alive):
        assert frame.digest == digest_of(body)
        assert len(frame.body) % 16 == 0


@each_cipher
def test_a_reply_of_any_length_is_decrypted(algorithm: Algorithm) -> None:
    made = ready(algorithm)
    for length in range(100):
        body = bytes(range(length))
        flight = made.session.request(3211, b"request", "mine", 0.0)
        made.session.data_to_send()
        data = sealed_frame(made.session_cipher, flight.proto_id, flight.serial, body)
        assert made.session.receive_data(data, 1.0) == [ReplyReceived(flight, body)]


@each_cipher
@pytest.mark.parametrize(
    "reply", [WELCOME, handshake_reply(connAESKey="k" * 16, aesCBCiv="i" * 16)]
)
def test_the_handshake_reply_may_take_several_blocks(algorithm: Algorithm, reply: bytes) -> None:
    made = handshaking(algorithm)
    made.session.data_to_send()
    long = reply + b"\x1a\xc8\x01" + b"y" * 200  # an unknown field
    (event,) = made.session.receive_data(sealed_frame(made.handshake_cipher, 1001, 1, long), 0.0)
    assert isinstance(event, HandshakeCompleted)
    assert event.result.conn_id == 2**63


@each_cipher
def test_an_encrypted_push_is_decrypted(algorithm: Algorithm) -> None:
    made = ready(algorithm)
    (clear,) = frames_in(notice())
    data = sealed_frame(made.session_cipher, 1003, 99, clear.body)
    assert made.session.receive_data(data, 1.0) == [PushReceived(1003, clear.body)]


@each_cipher
def test_an_encrypted_json_body_fails_its_own_reply_only(algorithm: Algorithm) -> None:
    made = ready(algorithm)
    one, two = (made.session.request(3212, b"", name, 0.0) for name in ("one", "two"))
    made.session.data_to_send()
    data = as_json(sealed_frame(made.session_cipher, one.proto_id, one.serial, b"{}"))
    data += sealed_frame(made.session_cipher, two.proto_id, two.serial, b"good")
    invalid, good = made.session.receive_data(data, 1.0)
    assert isinstance(invalid, ReplyInvalid)
    assert "body format 1" in str(invalid.error)
    assert good == ReplyReceived(two, b"good")


# Replies that cannot be decrypted


def assert_closes(algorithm: Algorithm, reply: bytes) -> None:
    """The reply to the first of two requests cannot be decrypted: the connection ends."""
    made = ready(algorithm)
    first, second = (made.session.request(3212, b"", name, 0.0) for name in ("first", "second"))
    assert (first.proto_id, first.serial) == (3212, 2)
    made.session.data_to_send()
    good = sealed_frame(made.session_cipher, second.proto_id, second.serial, b"good")
    assert made.session.receive_data(reply + good, 1.0) == []
    assert made.session.state is State.CLOSED
    assert type(made.session.cause) is ProtocolError
    assert str(made.session.cause) == UNREADABLE
    waiting, _ = made.session.drain()
    assert waiting == [first, second]


@each_cipher
@pytest.mark.parametrize("length", [0, 1, 15, 16, 32, 100])
def test_a_reply_in_clear_text_is_rejected(algorithm: Algorithm, length: int) -> None:
    assert_closes(algorithm, encode_frame(3212, 2, figures(1.0)[:length]))


@each_cipher
def test_a_push_in_clear_text_ends_the_connection(algorithm: Algorithm) -> None:
    made = ready(algorithm)
    assert made.session.receive_data(notice(), 1.0) == []
    assert made.session.state is State.CLOSED
    assert str(made.session.cause) == UNREADABLE


@each_cipher
def test_a_reply_encrypted_with_another_cipher_is_rejected(algorithm: Algorithm) -> None:
    other = CIPHERS[ALGORITHMS[1 - ALGORITHMS.index(algorithm)]]
    assert_closes(algorithm, sealed_frame(other, 3212, 2, figures(1.0)))
    rsa = Rsa(rsa_key())
    assert_closes(algorithm, sealed_frame(rsa, 3212, 2, b"hello"))


@each_cipher
def test_a_reply_over_its_limit_fails_its_own_call_only(algorithm: Algorithm) -> None:
    made = ready(algorithm)
    first, second = (made.session.request(3212, b"", name, 0.0) for name in ("first", "second"))
    made.session.data_to_send()
    data = sealed_frame(made.session_cipher, first.proto_id, first.serial, bytes(18_000))
    data += sealed_frame(made.session_cipher, second.proto_id, second.serial, b"good")
    invalid, received = made.session.receive_data(data, 1.0)
    assert isinstance(invalid, ReplyInvalid)
    assert str(invalid.error).endswith("more than the 16384 allowed")
    assert received == ReplyReceived(second, b"good")


@each_cipher
def test_a_late_reply_is_dropped_without_decrypting_it(algorithm: Algorithm) -> None:
    made = ready(algorithm)
    flight = made.session.request(3212, b"request", "mine", 0.0)
    made.session.data_to_send()
    assert made.session.cancel(flight)
    (settled,) = made.session.receive_data(
        encode_frame(flight.proto_id, flight.serial, b"in the clear"), 1.0
    )
    assert settled == RequestSettled(flight, late=True)
    assert made.session.state is State.READY


# Handshakes that fail


def failed_handshake(data: bytes) -> str:
    made = handshaking(Algorithm.AES_CBC)
    made.session.data_to_send()
    assert made.session.receive_data(data, 0.0) == []
    assert made.session.state is State.CLOSED
    assert made.session.data_to_send() == []
    return str(made.session.cause)


@pytest.mark.parametrize(
    "reply", [WELCOME, handshake_reply(connAESKey=""), b""], ids=["with keys", "without", "empty"]
)
def test_a_handshake_reply_in_clear_text_is_rejected_by_its_own_error(reply: bytes) -> None:
    if reply:
        assert failed_handshake(sealed_frame(CLEAR, 1001, 1, reply)) == IN_THE_CLEAR
    else:
        # Encrypted or not, an empty body is empty: it lacks the fields of a reply.
        assert "lacks required fields" in failed_handshake(sealed_frame(CLEAR, 1001, 1, b""))


def test_a_handshake_reply_encrypted_with_another_key_is_rejected() -> None:
    other = Rsa(rsa_key(number=1))
    assert failed_handshake(sealed_frame(other, 1001, 1, WELCOME)) == UNREADABLE


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
def test_a_handshake_reply_without_a_usable_key_is_rejected(fields: dict[str, str]) -> None:
    body = handshake_reply(**{"connAESKey": "k" * 16, "aesCBCiv": "i" * 16, **fields})
    text = failed_handshake(sealed_frame(Rsa(rsa_key()), 1001, 1, body))
    assert text == "OpenD sent no usable key for this connection"


def test_a_key_may_be_invalid_utf_8() -> None:
    key, iv = b"\xff" * 16, b"\xfe" * 16
    body = handshake_reply(connAESKey="k" * 16, aesCBCiv="i" * 16)
    body = body.replace(b"k" * 16, key).replace(b"i" * 16, iv)
    made = handshaking(Algorithm.AES_CBC)
    made.session.data_to_send()
    made.session.receive_data(sealed_frame(made.handshake_cipher, 1001, 1, body), 0.0)
    made.session.request(3212, b"request", "mine", 0.0)
    ((_, request),) = made.sent(AesCbc(key, iv))
    assert request == b"request"


def test_ftaes_needs_no_iv() -> None:
    made = handshaking(Algorithm.FTAES_ECB)
    made.session.data_to_send()
    body = handshake_reply(connAESKey="k" * 16)
    made.session.receive_data(sealed_frame(made.handshake_cipher, 1001, 1, body), 0.0)
    assert made.session.state is State.READY
