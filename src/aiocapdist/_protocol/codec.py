"""The interface between a session and the encoding of its transport (TCP or WebSocket)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from ..errors import AiocapdistError, ProtocolError

MAX_KEEP_ALIVE: Final = 10.0
"""Longest keep-alive interval in seconds, used where OpenD states none or a longer one. OpenD
drops clients after 30 s of silence, and a dead connection is found no sooner than they are."""
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


class ReplyTooLong(ProtocolError):
    """Raised when a reply is over the limit of its proto id. Asking again would not help."""

    def __init__(self, proto_id: int, length: int, limit: int) -> None:
        super().__init__(f"reply {proto_id}: it has {length} bytes, more than the {limit} allowed")


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

        Raises InvalidMessage if it is unusable.
        """
        ...

    def clear(self) -> None:
        """Drop what is buffered of an unfinished message: no more of it will come."""
        ...


def bounded_keep_alive(seconds: int) -> float:
    """Return the keep-alive interval to use for the one that OpenD states."""
    return min(float(seconds), MAX_KEEP_ALIVE) if seconds > 0 else MAX_KEEP_ALIVE
