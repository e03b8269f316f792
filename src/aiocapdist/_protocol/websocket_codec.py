"""The codec of OpenD's WebSocket protocol: one binary message is one head, big-endian, and a body.

======== =================================================== ==============
message  fields                                              length of head
======== =================================================== ==============
request  ``ft-v1.0`` and a NUL, command u32, section u64     20
reply    the same, then error i32 and its text, NUL-padded   44
======== =================================================== ==============

The command is the proto id and the section the serial. Bodies are those of the TCP protocol.
There is no digest and no encryption of its own: use wss://. The handshake is InitWebSocket.

Values of ``error``: 0 is success. 1 (OpenD did not answer its WebSocket service in time) and 2 (the
vendor's servers did not answer OpenD in time) become a BackendError of -100, 3 (the connection
between OpenD and its WebSocket service broke) a BackendError of -200. Any other value becomes an
OpenDError. A pushed command 2 says that OpenD behind its WebSocket service is gone, which ends the
connection.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

from .._pb import init_websocket_pb2
from ..errors import BackendError, OpenDError, ProtocolError
from . import catalog
from .codec import (
    MAX_KEEP_ALIVE,
    PROGRAMMING_LANGUAGE,
    HandshakeResult,
    InvalidMessage,
    ReplyTooLong,
)
from .failures import DISCONNECTED, TIMED_OUT, UNKNOWN
from .foreign import foreign_data
from .response import decode_message

SIGN = b"ft-v1.0\0"
REQUEST_HEAD = struct.Struct(">8sIQ")
REPLY_HEAD = struct.Struct(">8sIQi20s")
_new = tuple.__new__  # makes a named tuple at half the cost of calling its class

_ERRORS = {
    1: (TIMED_OUT, "OpenD did not answer its WebSocket service in time"),
    2: (TIMED_OUT, "the vendor's servers did not answer OpenD in time"),
    3: (DISCONNECTED, "the connection between OpenD and its WebSocket service broke"),
}


class Envelope(NamedTuple):
    """One message as received.

    ``discarded`` is the length of a body that was over its limit; ``body`` is empty then.
    """

    proto_id: int
    serial: int
    error: int
    text: str
    body: bytes
    discarded: int = 0


def key_digest(key: str) -> str:
    """Return what is sent for a WebSocket key: its MD5 in lower-case hex, empty for no key."""
    return hashlib.md5(key.encode(), usedforsecurity=False).hexdigest() if key else ""


class WebSocketCodec:
    """Encodes and decodes WebSocket messages. Each call of ``feed`` takes one whole message."""

    def __init__(self, *, client_id: str, max_frame: int, key: str = "") -> None:
        self.error: ProtocolError | None = None
        self._client_id = client_id
        self._max_frame = max_frame
        self._limits = catalog.BodyLimits(max_frame)
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
        response = decode_message(body, init_websocket_pb2.Response)
        if not response.HasField("s2c"):
            raise ProtocolError("OpenD accepted the handshake but sent no connection data")
        return HandshakeResult(
            conn_id=response.s2c.connID,
            server_version=None,
            login_user_id=None,
            keep_alive_interval=MAX_KEEP_ALIVE,
        )

    def encode(self, proto_id: int, serial: int, body: bytes) -> bytes:
        return REQUEST_HEAD.pack(SIGN, proto_id, serial) + body

    def feed(self, data: bytes) -> list[Envelope]:
        if self.error is not None:
            return []
        if len(data) < REPLY_HEAD.size or not data.startswith(SIGN):
            self.error = foreign_data(data, f"expected a message that begins with {SIGN!r}")
            return []
        _, proto_id, serial, error, text = REPLY_HEAD.unpack_from(data)
        body = data[REPLY_HEAD.size :]
        length, limit = len(body), self._limits[proto_id]
        if proto_id == catalog.WEBSOCKET_GONE:
            self.error = ProtocolError("OpenD behind its WebSocket service is gone")
            return []
        discarded = 0
        if length > limit:
            if length > self._max_frame:
                self.error = ReplyTooLong(proto_id, length, max(limit, self._max_frame))
                return []
            body, discarded = b"", length
        text = text.rstrip(b"\0").decode(errors="replace")
        return [_new(Envelope, (proto_id, serial, error, text, body, discarded))]

    def decode(self, message: Envelope) -> bytes:
        if message.error:
            raise InvalidMessage(_error(message))
        if message.discarded:
            limit = self._limits[message.proto_id]
            raise InvalidMessage(ReplyTooLong(message.proto_id, message.discarded, limit))
        return message.body

    def clear(self) -> None:
        """Do nothing: messages come whole."""


def _error(message: Envelope) -> OpenDError:
    number = message.error
    known = _ERRORS.get(number)
    # The handshake involves no vendor's server: any error there is a refusal.
    if known is None or message.proto_id == catalog.INIT_WEBSOCKET:
        text = message.text or f"error {number} of the WebSocket protocol"
        return OpenDError(UNKNOWN, text, number)
    ret_type, text = known
    return BackendError(ret_type, f"{text} ({message.text})" if message.text else text, number)
