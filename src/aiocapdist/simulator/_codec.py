"""What a connection needs from a codec: bytes in, requests out; replies in, bytes out."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ._handlers import Reply
from .faults import Fault

MAX_REQUEST_BODY = 65_536
"""Bytes; a longer request ends the connection."""


class Request(NamedTuple):
    """One request as it came. ``body`` is None if it is damaged or cannot be decrypted."""

    proto_id: int
    serial: int
    body: bytes | None
    is_protobuf: bool = True


class Codec(Protocol):
    """The encoding of one connection."""

    handshake_id: int
    """Proto id of the handshake."""

    closes_idle: bool
    """True if OpenD closes a connection over which the client sends nothing."""

    @property
    def broken(self) -> bool:
        """True if nothing further can be decoded."""
        ...

    def receive_data(self, data: bytes) -> list[Request]:
        """Take in bytes; return the requests that they complete."""
        ...

    def data_to_send(self) -> bytes:
        """Return bytes that the transport itself must send, such as an upgrade or a pong."""
        ...

    def handle_handshake(self, body: bytes, conn_id: int) -> Reply:
        """Return the reply to a handshake."""
        ...

    def handshake_completed(self) -> None:
        """Switch to the encoding after the handshake. Call once its reply is encoded."""
        ...

    def encode(self, proto_id: int, serial: int, reply: Reply) -> bytes:
        """Return the bytes of a reply or a push."""
        ...

    def corrupt(self, fault: Fault, data: bytes) -> bytes:
        """Return an encoded message as this fault leaves it; unchanged if it does not apply."""
        ...
