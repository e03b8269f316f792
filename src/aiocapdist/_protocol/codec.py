"""The interface between a session and the encoding of its transport (TCP or WebSocket)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from ..errors import AiocapdistError, ProtocolError

DEFAULT_KEEP_ALIVE: Final = 10.0
"""Keep-alive interval in seconds where OpenD states none."""
PROGRAMMING_LANGUAGE: Final = "Python"


class HandshakeResult(NamedTuple):
    """What OpenD states about itself and the connection when the handshake succeeds.

    ``server_version`` and ``login_user_id`` are None over WebSocket, where neither is sent.
    ``keep_alive_interval`` is in seconds.
    """

    conn_id: int
    server_version: int | None
    login_user_id: int | None
    keep_alive_interval: float


class InvalidMessage(Exception):
    """Raised when one message is unusable but the stream is still in sync.

    ``error`` is what the caller of that request gets.
    """

    def __init__(self, error: AiocapdistError) -> None:
        super().__init__(str(error))
        self.error = error


class IncomingMessage(Protocol):
    """A received message, not yet decoded."""

    @property
    def proto_id(self) -> int: ...

    @property
    def serial(self) -> int: ...


class Codec(Protocol):
    """Encodes and decodes the messages of one connection. Used once."""

    @property
    def error(self) -> ProtocolError | None:
        """Why the stream cannot be read any further; None while it can."""
        ...

    def encode_handshake(self) -> tuple[int, bytes]:
        """Return the proto id and clear body of the handshake request."""
        ...

    def decode_handshake(self, body: bytes) -> HandshakeResult:
        """Decode the handshake reply. Raises OpenDError or ProtocolError."""
        ...

    def encode(self, proto_id: int, serial: int, body: bytes) -> bytes:
        """Return the bytes of one message with this clear body."""
        ...

    def feed(self, data: bytes) -> Sequence[IncomingMessage]:
        """Accept received bytes and return the messages they complete. Check ``error`` after."""
        ...

    def decode(self, message: Any) -> bytes:
        """Return the clear body of a message that ``feed`` returned.

        Raises InvalidMessage if only this message is unusable, ProtocolError if the
        connection is.
        """
        ...
