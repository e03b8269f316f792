"""Why a connection could not be opened, where the operating system has no error for it."""

from __future__ import annotations

from collections.abc import Mapping


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
