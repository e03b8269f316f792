"""What a connection needs of a transport, and where transports come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

Receive: TypeAlias = Callable[[bytes], None]
"""Takes in what came: any piece of a byte stream, or one whole message of a WebSocket."""

Source: TypeAlias = Callable[[], list[bytes]]
"""Hands out the messages to send, each once; a byte stream runs them together."""


class Transport(Protocol):
    """One pipe to OpenD, used once.

    The writer owns the bytes: it fetches them from ``source`` when it can write, so no
    caller can cut a frame in half by being cancelled, and what was never fetched was
    certainly never sent.
    """

    def attach(self, receive: Receive, source: Source) -> None:
        """Where incoming bytes go, and where outgoing ones are fetched."""
        ...

    async def run(self, begin: Callable[[], None]) -> Exception | None:
        """Call ``begin``, which attaches; then carry bytes both ways until the pipe ends.

        Returns what ended it, None for a clean end by the peer; raises what ``begin`` or
        the receiver raised. Leaves nothing open, however it ends.
        """
        ...

    def wake_writer(self, at_once: bool = False) -> None:
        """There is something to fetch from ``source``: now, or with what else this turn of
        the loop brings."""
        ...

    def close(self) -> None:
        """End the pipe now, without waiting for unsent bytes; ``run`` then returns."""
        ...


class Connector(Protocol):
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
