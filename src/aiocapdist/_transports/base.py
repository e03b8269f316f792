"""What a connection needs of a transport, and what creates transports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

ReceiveCallback: TypeAlias = Callable[[bytes], None]
"""Called with received bytes: any part of a byte stream, or one whole WebSocket message."""

DataSource: TypeAlias = Callable[[], list[bytes]]
"""Returns the messages to send, each once. A byte stream concatenates them."""


class Transport(Protocol):
    """One open connection to OpenD, used once.

    The transport pulls bytes when it can write: no caller can cut a message in half by being
    cancelled, and a message that was never pulled was certainly never sent.
    """

    async def run(self, receive: ReceiveCallback, data_to_send: DataSource) -> Exception | None:
        """Carry bytes both ways until the connection ends; begin with what is to be sent.

        Returns the error that ended it, None if the peer closed it cleanly. Raises what
        ``receive`` raised. Closes the connection in any case, also when cancelled.
        """
        ...

    def schedule_write(self, immediately: bool = False) -> None:
        """Announce new data to send. It is written in this turn of the loop with whatever else
        comes up, or right now if ``immediately``."""
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

    async def open(self) -> Transport:
        """Open a connection. Raises OSError if that fails."""
        ...
