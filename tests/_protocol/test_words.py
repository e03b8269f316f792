"""Exact texts of the codecs' errors.

Promise 22: a changed word or a missing number fails a test.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest

from aiocapdist._pb import init_connect_pb2, init_websocket_pb2
from aiocapdist._protocol.ciphers import AesCbc, Algorithm, FtAesEcb, Rsa, session_cipher
from aiocapdist._protocol.tcp_codec import TcpCodec
from aiocapdist._protocol.websocket_codec import REPLY_HEAD, SIGN, WebSocketCodec
from aiocapdist.errors import OpenDError, ProtocolError

from ..support.transports import rsa_key
from .peer import MAX_FRAME, handshake_reply

NOTHING_TOLD = "OpenD accepted the handshake but sent no connection data"
CODECS: dict[str, tuple[Any, Any]] = {
    "tcp": (TcpCodec(client_id="tests", max_frame=MAX_FRAME), init_connect_pb2.Response),
    "ws": (WebSocketCodec(client_id="tests", max_frame=MAX_FRAME), init_websocket_pb2.Response),
}


@pytest.mark.parametrize("name", CODECS)
def test_a_handshake_reply_without_data_has_an_error_of_its_own(name: str) -> None:
    codec, kind = CODECS[name]
    with pytest.raises(ProtocolError) as error:
        codec.decode_handshake(kind(retType=0).SerializePartialToString())
    assert str(error.value) == NOTHING_TOLD


@pytest.mark.parametrize("name", CODECS)
def test_a_failed_handshake_has_result_text_and_error_number(name: str) -> None:
    codec, kind = CODECS[name]
    refused = kind(retType=-7, retMsg="not today", errCode=1003)
    with pytest.raises(OpenDError, match=r"^OpenD answered -7: not today$") as error:
        codec.decode_handshake(refused.SerializePartialToString())
    told = error.value
    assert (told.ret_type, told.ret_msg, told.err_code, told.code) == (-7, "not today", 1003, None)


def test_an_interval_of_one_second_is_kept() -> None:
    codec, _ = CODECS["tcp"]
    assert codec.decode_handshake(handshake_reply(keepAliveInterval=1)).keep_alive_interval == 1.0


def test_without_a_key_an_empty_one_is_sent() -> None:
    codec, _ = CODECS["ws"]
    proto_id, body = codec.encode_handshake()
    assert proto_id == 1
    assert init_websocket_pb2.Request.FromString(body).c2s.websocketKey == ""


def test_an_error_text_ends_at_its_padding_and_is_otherwise_complete() -> None:
    codec = WebSocketCodec(client_id="tests", max_frame=MAX_FRAME)
    (envelope,) = codec.feed(REPLY_HEAD.pack(SIGN, 3212, 5, 9, b"XX at MAX"))
    assert (envelope.error, envelope.text) == (9, "XX at MAX")


def test_a_message_of_another_protocol_names_what_was_expected() -> None:
    codec = WebSocketCodec(client_id="tests", max_frame=MAX_FRAME)
    assert codec.feed(b"hello") == []
    assert str(codec.error) == (
        "the peer does not speak OpenD's protocol: it sent b'he', "
        r"expected a message that begins with b'ft-v1.0\x00'"
    )


@pytest.mark.parametrize(
    ("cipher", "arguments"),
    [(Rsa, "rsa"), (AesCbc, (bytes(16), bytes(16))), (FtAesEcb, (bytes(16),))],
)
def test_without_the_package_the_error_says_what_to_install(
    cipher: type, arguments: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = (rsa_key(),) if arguments == "rsa" else arguments
    assert isinstance(given, tuple)
    for name in ("ciphers", "ciphers.modes", "asymmetric.padding"):
        monkeypatch.setitem(sys.modules, f"cryptography.hazmat.primitives.{name}", None)
    with pytest.raises(ImportError) as error:
        cipher(*given)
    told = str(error.value)
    assert told.startswith("encryption ")
    assert "aiocapdist[secure]" in told


def test_an_invalid_session_key_has_this_error() -> None:
    with pytest.raises(ValueError, match=r"^a key or an iv of the wrong length$"):
        session_cipher(Algorithm.AES_CBC, "short", "i" * 16)
