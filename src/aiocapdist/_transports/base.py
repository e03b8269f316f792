"""What a connection needs of a transport, and where transports come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Transport(Protocol):
    """One byte pipe to OpenD, used once.

    The writer owns the bytes: it fetches them from ``source`` when it can write, so no
    caller can cut a frame in half by being cancelled, and what was never fetched was
    certainly never sent.
    """

    def attach(self, receive: Callable[[bytes], None], source: Callable[[], bytes]) -> None:
        """Where incoming bytes go, and where outgoing ones are fetched."""
        ...

    async def run(self) -> Exception | None:
        """Carry bytes both ways until the pipe ends; return what ended it, None for a
        clean end by the peer. Leaves nothing open, however it ends."""
        ...

    def wake_writer(self) -> None:
        """There is something to fetch from ``source``."""
        ...

    def close(self) -> None:
        """End the pipe now, without waiting for unsent bytes; ``run`` then returns."""
        ...


class Door(Protocol):
    """A place where OpenD can be reached. ``open`` raises OSError where it can not."""

    @property
    def name(self) -> str:
        """``tcp``, ``memory``…"""
        ...

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    async def open(self) -> Transport:
        """A new connection."""
        ...
