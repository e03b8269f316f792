"""What a session needs of a door: how things are said there, and how to be let in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from ..errors import AiocapdistError, ProtocolError

DEFAULT_KEEP_ALIVE: Final = 10.0  # seconds, where OpenD tells none
PROGRAMMING_LANGUAGE: Final = "Python"


class Welcome(NamedTuple):
    """What OpenD says of itself and of this connection when it lets a client in.

    The WebSocket door tells neither version nor user: None.
    """

    conn_id: int
    server_version: int | None
    login_user_id: int | None
    keep_alive_interval: float


class Spoilt(Exception):
    """One message cannot be used; those after it can. ``error`` is for its caller."""

    def __init__(self, error: AiocapdistError) -> None:
        super().__init__(str(error))
        self.error = error


class Incoming(Protocol):
    """One message as it came: enough to find out whose it is."""

    @property
    def proto_id(self) -> int: ...

    @property
    def serial(self) -> int: ...


class Wire(Protocol):
    """One door's way of saying things. A session holds one, used for one connection."""

    @property
    def broken(self) -> ProtocolError | None:
        """Why nothing more can be read from this stream, if so."""
        ...

    def greeting(self) -> tuple[int, bytes]:
        """The proto id and the clear body of the first message."""
        ...

    def welcome(self, body: bytes) -> Welcome:
        """Read the reply to the greeting; raise OpenDError or ProtocolError."""
        ...

    def encode(self, proto_id: int, serial: int, body: bytes) -> bytes:
        """The bytes that carry this clear body: one message."""
        ...

    def feed(self, data: bytes) -> Sequence[Incoming]:
        """Take in bytes; return the messages they complete."""
        ...

    def open(self, message: Any) -> bytes:
        """The clear body of what ``feed`` returned.

        Raises Spoilt where only this message is unusable, ProtocolError where the
        connection is.
        """
        ...
