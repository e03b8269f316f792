"""The WebSocket door: one binary message is one envelope, big-endian; InitWebSocket lets in.

======== =================================================== ==============
what     fields                                              bytes before the body
======== =================================================== ==============
request  ``ft-v1.0`` and a NUL, command u32, section u64     20
reply    the same, then error i32 and its text, NUL-padded   44
======== =================================================== ==============

Command is the proto id and section the serial. Bodies are those of the TCP door. There is
no digest and no encryption of its own: that is what wss:// is for.

What ``error`` says, and what becomes of it: 0 is success; 1 (no answer from OpenD within the
door's patience) and 2 (OpenD had none from the vendor's servers) are a BackendError of -100,
3 (the way to OpenD broke) is a BackendError of -200: reads are sent again. Any other number is
an OpenDError. A pushed command 2 says that OpenD behind the door went away: the connection
is of no more use, and ends.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

from .._pb import init_websocket_pb2
from ..errors import BackendError, OpenDError, ProtocolError
from . import catalog
from .codec import DEFAULT_KEEP_ALIVE, PROGRAMMING_LANGUAGE, HandshakeResult, InvalidMessage
from .decoders import DISCONNECTED, TIMED_OUT, UNKNOWN, error_from_response, parse_response

SIGN = b"ft-v1.0\0"
REQUEST_HEAD = struct.Struct(">8sIQ")
REPLY_HEAD = struct.Struct(">8sIQi20s")

_ERRORS = {
    1: (TIMED_OUT, "the WebSocket door had no answer from OpenD in time"),
    2: (TIMED_OUT, "OpenD had no answer from the vendor's servers in time"),
    3: (DISCONNECTED, "the way from the WebSocket door to OpenD broke"),
}


class Envelope(NamedTuple):
    """One message as it came."""

    proto_id: int
    serial: int
    error: int
    text: str
    body: bytes


def key_digest(key: str) -> str:
    """What is sent of a WebSocket key: its MD5, in lower-case hex; nothing for no key."""
    return hashlib.md5(key.encode(), usedforsecurity=False).hexdigest() if key else ""


class WebSocketCodec:
    """OpenD's WebSocket door. Each ``feed`` is one whole message."""

    def __init__(self, *, client_id: str, max_frame: int, key: str = "") -> None:
        self.error: ProtocolError | None = None
        self._client_id = client_id
        self._caps = catalog.BodyLimits(max_frame)
        self._key_digest = key_digest(key)

    def encode_handshake(self) -> tuple[int, bytes]:
        c2s = init_websocket_pb2.C2S(
            websocketKey=self._key_digest,
            clientID=self._client_id,
            programmingLanguage=PROGRAMMING_LANGUAGE,
        )
        request = init_websocket_pb2.Request(c2s=c2s)
        return catalog.INIT_WEBSOCKET, request.SerializeToString()

    def decode_handshake(self, body: bytes) -> HandshakeResult:
        response = parse_response(init_websocket_pb2.Response, body)
        if response.retType != 0:
            raise error_from_response(response.retType, response.retMsg, response.errCode)
        if not response.HasField("s2c"):
            raise ProtocolError("OpenD let us in, but told nothing of the connection")
        return HandshakeResult(
            conn_id=response.s2c.connID,
            server_version=None,
            login_user_id=None,
            keep_alive_interval=DEFAULT_KEEP_ALIVE,
        )

    def encode(self, proto_id: int, serial: int, body: bytes) -> bytes:
        return REQUEST_HEAD.pack(SIGN, proto_id, serial) + body

    def feed(self, data: bytes) -> list[Envelope]:
        if self.error is not None:
            return []
        if len(data) < REPLY_HEAD.size or not data.startswith(SIGN):
            self.error = ProtocolError(
                "the peer does not speak OpenD's protocol: a WebSocket message does not begin "
                f"with {SIGN!r} and a whole head"
            )
            return []
        _, proto_id, serial, error, text = REPLY_HEAD.unpack_from(data)
        body = data[REPLY_HEAD.size :]
        cap = self._caps[proto_id]
        if proto_id == catalog.WEBSOCKET_GONE:
            self.error = ProtocolError("OpenD behind the WebSocket door went away")
        elif len(body) > cap:
            self.error = ProtocolError(
                f"message of proto {proto_id} has {len(body)} bytes, more than the {cap} allowed"
            )
        else:
            text = text.rstrip(b"\0").decode(errors="replace")
            return [Envelope(proto_id, serial, error, text, body)]
        return []

    def decode(self, message: Envelope) -> bytes:
        if message.error:
            raise InvalidMessage(_error(message))
        return message.body


def _error(message: Envelope) -> OpenDError:
    number = message.error
    known = _ERRORS.get(number)
    # To be let in there is no vendor's server to wait for: any error there is a refusal.
    if known is None or message.proto_id == catalog.INIT_WEBSOCKET:
        text = message.text or f"error {number} of the WebSocket door"
        return OpenDError(UNKNOWN, text, number)
    ret_type, text = known
    return BackendError(ret_type, f"{text} ({message.text})" if message.text else text, number)
