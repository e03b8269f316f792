"""Ask the operating system whether a socket has unread bytes."""

from __future__ import annotations

import select
from typing import Protocol


class HasFileno(Protocol):
    """A socket, or what an event loop hands out in its place."""

    def fileno(self) -> int: ...


def socket_readable(sock: HasFileno) -> bool:
    """True if a read from ``sock`` would return at once. False if it is closed."""
    descriptor = sock.fileno()
    if descriptor < 0:
        return False
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(0))
