"""What a connection needs of a transport, and what creates transports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

ReceiveCallback: TypeAlias = Callable[[list[bytes]], None]
"""Called with what was received: parts of a byte stream, or whole WebSocket messages."""

DataSource: TypeAlias = Callable[[], list[bytes]]
"""Returns the messages to send, each once. A byte stream concatenates them."""


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
