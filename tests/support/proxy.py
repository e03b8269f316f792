"""A TCP proxy between any client and any server that delays, cuts, drops and alters bytes.

::

    half = LinkOptions(down=Direction(close_after=100))
    async with Proxy(opend.port, [half]) as proxy, aiocapdist.connect(port=proxy.port) as client:
        ...                           # the first connection is cut, later ones are plain

``up`` is from the client to the server, ``down`` the other way. Faults at a known byte are
options; a fault at a moment that the test decides is a method of the link. The client may live
in any process. The number of links and the bytes in transit (64 KiB each way) are bounded, and
all links end with the ``async with``.
"""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

import anyio
from anyio.abc import SocketAttribute, SocketStream

_NO_LINGER = struct.pack("ii", 1, 0)
_GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)
CHUNK = 65_536


@dataclass(frozen=True)
class Direction:
    """What happens to the bytes in one direction, counted from 0 for each connection."""

    delay: float = 0.0
    """Seconds between reading a chunk and sending it."""
    max_chunk: int = CHUNK
    """Bytes in a chunk at most; 1 sends one byte at a time."""
    close_after: float = math.inf
    """Number of bytes after which both connections are closed."""
    blackhole_after: float = math.inf
    """Number of bytes after which the rest is dropped, while both connections stay open."""
    flip_bit_at: int | None = None
    """Position of a byte of which one bit is flipped."""
    gate: anyio.Event | None = None
    """Nothing is read before this is set, as by a peer that does not read."""


@dataclass(frozen=True)
class LinkOptions:
    """What happens to one connection."""

    up: Direction = field(default_factory=Direction)
    down: Direction = field(default_factory=Direction)
    ending: Literal["close", "reset"] = "close"
    buffers: int | None = None
    """Size in bytes of the kernel's buffers, to have little in transit; None for its default."""


PLAIN = LinkOptions()


class Link:
    """A client's connection, and the connection to the server that was made for it."""

    def __init__(self, number: int, options: LinkOptions) -> None:
        self.number = number
        self.up = self.down = 0
        """Number of bytes that went through, in either direction."""
        self.blackholed: set[str] = set()
        """Directions whose bytes are dropped."""
        self.last_down_at = -math.inf
        """When the client was last sent something, by the loop's clock."""
        self.ended = anyio.Event()
        self.options = options
        self._ending = options.ending
        self._scope = anyio.CancelScope()
        self._client: SocketStream | None = None
        self._sending = anyio.Lock()

    def cut(self) -> None:
        """Close both connections at once."""
        self._scope.cancel()

    def reset(self) -> None:
        """Reset both connections at once (RST instead of FIN)."""
        self._ending = "reset"
        self._scope.cancel()

    def blackhole(self) -> None:
        """Drop all bytes from now on, and close nothing."""
        self.blackholed = {"up", "down"}

    async def inject(self, data: bytes) -> None:
        """Send this to the client as if the server had; waits while the client does not read."""
        assert self._client is not None
        async with self._sending:
            await self._client.send(data)

    async def carry(self, client: SocketStream, server: SocketStream) -> None:
        """Carry bytes until either side hangs up or an option ends the link."""
        self._client = client
        try:
            with self._scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._carry, client, server, self.options.up, "up")
                    group.start_soon(self._carry, server, client, self.options.down, "down")
        finally:
            for stream in (client, server):
                if self._ending == "reset":
                    with suppress(OSError):
                        _raw(stream).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                await _close(stream)
            self.ended.set()

    async def _carry(
        self,
        source: SocketStream,
        target: SocketStream,
        direction: Direction,
        name: Literal["up", "down"],
    ) -> None:
        if direction.gate is not None:
            await direction.gate.wait()
        try:
            if direction.close_after > 0:
                await self._pass_on(source, target, direction, name)
        except _GONE:
            if "down" in self.blackholed and name == "down":
                return  # the server has closed; the client must not notice
        self._scope.cancel()

    async def _pass_on(
        self,
        source: SocketStream,
        target: SocketStream,
        direction: Direction,
        name: Literal["up", "down"],
    ) -> None:
        end = min(direction.close_after, direction.blackhole_after)
        passed = 0
        while True:
            if passed >= direction.blackhole_after:
                self.blackholed.add(name)
            data = await source.receive(CHUNK if name in self.blackholed else direction.max_chunk)
            if direction.delay:
                await anyio.sleep(direction.delay)
            if name in self.blackholed:
                continue
            if direction.flip_bit_at is not None and passed <= direction.flip_bit_at < passed + len(
                data
            ):
                at = direction.flip_bit_at - passed
                data = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
            data = data[: int(end - passed)] if end < math.inf else data
            if name == "down":
                async with self._sending:
                    self.last_down_at = anyio.current_time()  # the client hears it no earlier
                    await target.send(data)
            else:
                await target.send(data)
            passed += len(data)
            setattr(self, name, passed)
            if passed >= direction.close_after:
                return


class Proxy:
    """Listens on a free port, and connects each client to ``port``.

    ``options`` has one entry for each connection, after which all are plain, or is a function of
    the connection's number. At most ``max_links`` are open; further clients are closed at once.
    """

    def __init__(
        self,
        port: int,
        options: Iterable[LinkOptions] | Callable[[int], LinkOptions] = (),
        *,
        max_links: int = 64,
    ) -> None:
        self.port = 0
        self.links: list[Link] = []
        """All links there were, in order."""
        self._target = port
        self._options = options if callable(options) else _one_for_each(options)
        self._max_links = max_links

    @property
    def live(self) -> list[Link]:
        """Links that have not ended."""
        return [link for link in self.links if not link.ended.is_set()]

    async def __aenter__(self) -> Self:
        self._listener = await anyio.create_tcp_listener(local_host="127.0.0.1", backlog=512)
        self.port = self._listener.extra(SocketAttribute.local_port)
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._listener.serve, self._talk)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._group.cancel_scope.cancel()
        # Given no exception, so that a test's failed assertion is not wrapped in a group.
        await self._group.__aexit__(None, None, None)
        await anyio.aclose_forcefully(self._listener)

    async def _talk(self, client: SocketStream) -> None:
        if len(self.live) >= self._max_links:
            await anyio.aclose_forcefully(client)
            return
        link = Link(len(self.links), self._options(len(self.links)))
        self.links.append(link)
        try:
            # anyio loses the socket if it is cancelled just after it has connected.
            with anyio.CancelScope(shield=True), anyio.fail_after(5):
                server = await anyio.connect_tcp("127.0.0.1", self._target)
            for stream in (client, server):
                _shrink(stream, link.options.buffers)
            await link.carry(client, server)
        except OSError:
            pass  # nobody listens there: the client sees its connection closed
        finally:
            await _close(client)
            link.ended.set()


def _one_for_each(options: Iterable[LinkOptions]) -> Callable[[int], LinkOptions]:
    given = iter(options)
    return lambda number: next(given, PLAIN)


async def _close(stream: SocketStream) -> None:
    # Shielded: if the task is cancelled, both streams must be closed all the same.
    with anyio.CancelScope(shield=True):
        await anyio.aclose_forcefully(stream)


def _raw(stream: SocketStream) -> Any:
    return stream.extra(SocketAttribute.raw_socket)


def _shrink(stream: SocketStream, size: int | None) -> None:
    if size is not None:
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            _raw(stream).setsockopt(socket.SOL_SOCKET, option, size)
