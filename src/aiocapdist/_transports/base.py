"""What a connection needs of a transport, and what creates transports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

ReceiveCallback: TypeAlias = Callable[[list[bytes]], None]
"""Called with what was received: parts of a byte stream, or whole WebSocket messages."""

DataSource: TypeAlias = Callable[[], list[bytes]]
"""Returns the messages to send, each once. A byte stream concatenates them."""


class AddressesFailed(OSError):
    """Raised when no address of a host name could be connected to.

    ``causes`` has the error of each address that was tried, in that order.
    """

    def __init__(self, causes: Mapping[str, OSError]) -> None:
        super().__init__(f"no connection to any of {', '.join(causes)}")
        self.causes = dict(causes)


class NotWebSocket(ConnectionError):
    """Raised when the peer does not complete the upgrade to WebSocket.

    ``first_bytes`` is the beginning of what it sent instead.
    """

    def __init__(self, reason: str, first_bytes: bytes) -> None:
        super().__init__(reason)
        self.first_bytes = first_bytes


class Transport(Protocol):
    """One open connection to OpenD, used once.

    The transport pulls bytes when it can write: no caller can cut a message in half by being
    cancelled, and a message that was never pulled was certainly never sent.
    """

    async def run(self, receive: ReceiveCallback, data_to_send: DataSource) -> Exception | None:
        """Carry bytes both ways until the connection ends; begin with what is to be sent.

        Returns the error that ended it, None if the peer closed it cleanly. Raises what the
        callbacks raised. Closes the connection in any case, also when cancelled.
        """
        ...

    def schedule_write(self, immediately: bool = False) -> None:
        """Announce new data to send.

        It is written at the end of this turn of the loop, with what else is added until then;
        now if ``immediately`` and the transport can.
        """
        ...

    def readable(self) -> bool:
        """True if received bytes are known to wait in the socket."""
        ...

    def close(self) -> None:
        """Close the connection without waiting for unsent bytes; ``run`` then returns."""
        ...


class Connector(Protocol):
    """An address where OpenD can be reached."""

    @property
    def scheme(self) -> str:
        """``tcp``, ``ws``, ``wss`` or ``memory``."""
        ...

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    async def open(self, timeout: float) -> Transport:
        """Open a connection within ``timeout`` seconds. Raises OSError if that fails."""
        ...
