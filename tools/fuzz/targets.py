"""The fuzz targets: each takes any bytes and raises nothing.

What is documented to be raised is caught here; all else is a finding, and so is an answer that
contradicts itself. Hypothesis runs them in CI (test_targets.py), atheris in ``nox -s fuzz``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

from aiocapdist import InvalidCode, OpenDError, ProtocolError
from aiocapdist._connection.address import Address, parse_address
from aiocapdist._protocol.ciphers import Algorithm
from aiocapdist._protocol.decoders import decode_capital_distribution
from aiocapdist._protocol.frames import HEAD_SIZE, FrameDecoder, encode_frame
from aiocapdist._protocol.global_state import decode_global_state
from aiocapdist._protocol.notices import decode_notice
from aiocapdist._protocol.rsa_key import parse_rsa_key
from aiocapdist._protocol.tcp_codec import TcpCodec
from aiocapdist._protocol.websocket_codec import REPLY_HEAD, SIGN, WebSocketCodec
from aiocapdist.errors import InvalidKey
from aiocapdist.models import Market, Security
from tests._protocol.encrypted import CIPHERS, WELCOME, sealed_frame
from tests._protocol.peer import handshake_reply, with_bad_digest
from tests._protocol.validated import validated

from .conversation import Conversation
from .tape import Tape

MAX_FRAME = 200
UNREADABLE = "a message could not be decrypted"
Target = Callable[[bytes], None]


def frames(data: bytes) -> None:
    """The decoder: any chunks give the same frames, and at most one frame is buffered."""
    tape = Tape(data[:24])
    stream = data[24:]
    whole = FrameDecoder(lambda proto_id: MAX_FRAME)
    wanted = whole.feed(stream)
    chunked = FrameDecoder(lambda proto_id: MAX_FRAME)
    got = []
    for piece in tape.cut(stream):
        got += chunked.feed(piece)
        assert chunked.pending < HEAD_SIZE + MAX_FRAME
    assert got == wanted
    # Not the text: of a wrong magic it shows what had come by then, one byte or two.
    assert (chunked.error is None) == (whole.error is None)
    assert chunked.pending == whole.pending
    read = sum(HEAD_SIZE + len(frame.body) for frame in wanted)
    assert whole.error is not None or read + whole.pending == len(stream)


def session_clear(data: bytes) -> None:
    """TCP without encryption."""

    def say(proto_id: int, serial: int, body: bytes, sound: bool) -> bytes:
        frame = encode_frame(proto_id, serial, body)
        return frame if sound else with_bad_digest(frame)

    codec = TcpCodec(client_id="fuzz", max_frame=MAX_FRAME)
    Conversation(codec, say, (1001, handshake_reply()), whole=False).play(Tape(data))


def session_aes_cbc(data: bytes) -> None:
    """TCP with encryption: bodies that cannot be decrypted have the same error."""
    _sealed(Algorithm.AES_CBC, data)


def session_ftaes(data: bytes) -> None:
    """The same with the vendor's own cipher."""
    _sealed(Algorithm.FTAES_ECB, data)


def _sealed(algorithm: Algorithm, data: bytes) -> None:
    tape = Tape(data)

    def say(proto_id: int, serial: int, body: bytes, sound: bool) -> bytes:
        if proto_id == 1001:
            return encode_frame(proto_id, serial, body)  # RSA takes a fuzzer's time
        if sound:
            return sealed_frame(CIPHERS[algorithm], proto_id, serial, body)
        spoilt = bytearray(CIPHERS[algorithm].encrypt(body))
        spoilt[tape.number(len(spoilt))] ^= 1 + tape.number(255)
        return encode_frame(proto_id, serial, bytes(spoilt))

    codec = TcpCodec(client_id="fuzz", max_frame=MAX_FRAME, algorithm=algorithm)
    made = Conversation(codec, say, (1001, WELCOME), whole=False)
    made.play(tape)
    for text in (str(made.session.cause), *made.errors):
        assert "crypt" not in text or re.fullmatch(UNREADABLE, text)


def session_websocket(data: bytes) -> None:
    """WebSocket."""

    def say(proto_id: int, serial: int, body: bytes, sound: bool) -> bytes:
        error = 0 if sound else 1 + serial % 5
        return REPLY_HEAD.pack(SIGN, proto_id, serial, error, b"because") + body

    codec = WebSocketCodec(client_id="fuzz", max_frame=MAX_FRAME)
    welcome = b"\x08\x00\x22\x04\x08\x01\x10\x07"  # retType 0, s2c {serverTime 1, connID 7}
    Conversation(codec, say, (1, welcome), whole=True).play(Tape(data))


def capital_distribution(data: bytes) -> None:
    """Figures are those of protobuf and pydantic, finite, and so are their totals."""
    security, wanted = Security(Market.HK, "00700"), validated(data, "HK.00700")
    try:
        got = decode_capital_distribution(data, "HK.00700", security)
    except (OpenDError, ProtocolError):
        assert wanted is None
        return
    assert got == wanted
    assert (got.code, got.market) == ("HK.00700", Market.HK)
    assert math.isfinite(got.capital_in)
    assert math.isfinite(got.capital_out)
    assert math.isfinite(got.main_net)
    got.model_dump_json()


def global_state(data: bytes) -> None:
    try:
        got = decode_global_state(data)
    except (OpenDError, ProtocolError):
        return
    got.model_dump_json()


def notice(data: bytes) -> None:
    """Nested unknown fields too: each input gives a notice or an error."""
    try:
        got = decode_notice(data)
    except ProtocolError:
        return
    repr(got)


def code(data: bytes) -> None:
    """A code is parsed or rejected; a suggestion is valid."""
    text = data.decode(errors="surrogateescape")
    try:
        security = Security.parse(text)
    except InvalidCode as error:
        suggestion = error.suggestion
    else:
        suggestion = str(security)
        assert suggestion == text
    assert suggestion is None or str(Security.parse(suggestion)) == suggestion


def address(data: bytes) -> None:
    """The part before an ``@``, perhaps a password, is in no message."""
    tape = Tape(data[:2])
    text = data[2:].decode(errors="surrogateescape")
    port = tape.pick((None, None, 11111, 0, 65535, 65536))
    try:
        got = parse_address(text, port)
    except ValueError as error:
        told = str(error)
    else:
        told = ""
        _check_address(got)
    secret = text.partition("://")[2].rpartition("@")[0]
    # By chance a short one may be part of what is told, or of what is no secret.
    assert len(secret) < 8 or secret in text.rpartition("@")[2] or secret not in told


def _check_address(got: Address) -> None:
    assert got.scheme in ("tcp", "ws", "wss")
    assert got.host
    assert 0 < got.port < 65536


def key(data: bytes) -> None:
    """A PEM text is a key of 1024 bits or more, or InvalidKey."""
    try:
        got = parse_rsa_key(data)
    except InvalidKey:
        return
    assert got.key_size >= 1024


TARGETS: Final[dict[str, Target]] = {
    target.__name__: target
    for target in (
        *(frames, session_clear, session_aes_cbc, session_ftaes, session_websocket),
        *(capital_distribution, global_state, notice, code, address, key),
    )
}
