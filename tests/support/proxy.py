"""A TCP proxy between any client and any server, which does to the bytes what networks do.

::

    half = Manner(down=Way(cut_after=100))
    async with Proxy(opend.port, [half]) as proxy, aiocapdist.connect(port=proxy.port) as client:
        ...                           # the first connection is cut, those after it are plain

``up`` is from the client to the server, ``down`` the other way. What comes by itself is in
the manner; what a test decides at a moment of its own is a method of the link. The client
may live in any process. Bounded: so many links at once and no more, 64 KiB on the way in
each direction, and all ends with the ``async with``.
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
PIECE = 65_536


@dataclass(frozen=True)
class Way:
    """What happens in one direction. Bytes are counted from 0, per connection."""

    delay: float = 0.0
    """Seconds that each piece is under way."""
    piece: int = PIECE
    """At most so many bytes at a time: 1 is one byte at a time."""
    cut_after: float = math.inf
    """So many bytes go through; then the connection ends, both ways."""
    hole_after: float = math.inf
    """So many bytes go through; what follows is swallowed, and everything stays open."""
    flip: int | None = None
    """The byte of which one bit is turned over."""
    gate: anyio.Event | None = None
    """Nothing is read before this is set: a peer that does not read."""


@dataclass(frozen=True)
class Manner:
    """How one connection is treated."""

    up: Way = field(default_factory=Way)
    down: Way = field(default_factory=Way)
    ending: Literal["close", "reset"] = "close"
    buffers: int | None = None
    """Bytes of the kernel's own buffers on either side, so that little is under way."""


PLAIN = Manner()


class Link:
    """One client's connection, and the one to the server that was made for it."""

    def __init__(self, number: int, manner: Manner) -> None:
        self.number = number
        self.up = self.down = 0
        """Bytes that went through, either way."""
        self.swallowing: set[str] = set()
        """Which ways are black holes by now."""
        self.last_down_at = -math.inf
        """When the client was last sent a byte, by the loop's clock."""
        self.ended = anyio.Event()
        self._manner = manner
        self._ending = manner.ending
        self._scope = anyio.CancelScope()
        self._client: SocketStream | None = None
        self._saying = anyio.Lock()

    def cut(self) -> None:
        """End both connections, now."""
        self._scope.cancel()

    def reset(self) -> None:
        """The same, but with a reset (RST) instead of a good-bye."""
        self._ending = "reset"
        self._scope.cancel()

    def swallow(self) -> None:
        """A black hole from now on: nothing goes through, and nothing is closed."""
        self.swallowing = {"up", "down"}

    async def inject(self, data: bytes) -> None:
        """Say this to the client in the server's name; waits while the client does not read."""
        assert self._client is not None
        async with self._saying:
            await self._client.send(data)

    async def carry(self, client: SocketStream, server: SocketStream) -> None:
        """Until either side hangs up, or the manner has it so."""
        self._client = client
        try:
            with self._scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._carry, client, server, self._manner.up, "up")
                    group.start_soon(self._carry, server, client, self._manner.down, "down")
        finally:
            for stream in (client, server):
                if self._ending == "reset":
                    with suppress(OSError):
                        _raw(stream).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                await _close(stream)
            self.ended.set()

    async def _carry(
        self, source: SocketStream, target: SocketStream, way: Way, name: Literal["up", "down"]
    ) -> None:
        if way.gate is not None:
            await way.gate.wait()
        try:
            if way.cut_after > 0:
                await self._pass_on(source, target, way, name)
        except _GONE:
            if "down" in self.swallowing and name == "down":
                return  # the server gave up; the client is not to know
        self._scope.cancel()

    async def _pass_on(
        self, source: SocketStream, target: SocketStream, way: Way, name: Literal["up", "down"]
    ) -> None:
        end = min(way.cut_after, way.hole_after)
        passed = 0
        while True:
            if passed >= way.hole_after:
                self.swallowing.add(name)
            data = await source.receive(PIECE if name in self.swallowing else way.piece)
            if way.delay:
                await anyio.sleep(way.delay)
            if name in self.swallowing:
                continue
            if way.flip is not None and passed <= way.flip < passed + len(data):
                at = way.flip - passed
                data = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
            data = data[: int(end - passed)] if end < math.inf else data
            if name == "down":
                async with self._saying:
                    await target.send(data)
            else:
                await target.send(data)
            passed += len(data)
            setattr(self, name, passed)
            if name == "down":
                self.last_down_at = anyio.current_time()
            if passed >= way.cut_after:
                return


class Proxy:
    """Listens on a free port; each who comes is led on to ``port``, in the manner due.

    ``manners`` are used up one for each connection, then all are plain; or a function from
    the connection's number. ``most`` links live at once; who comes above that is hung up on.
    """

    def __init__(
        self, port: int, manners: Iterable[Manner] | Callable[[int], Manner] = (), *, most: int = 64
    ) -> None:
        self.port = 0
        self.links: list[Link] = []
        """All there ever were, in the order they came."""
        self._target = port
        given = None if callable(manners) else iter(manners)
        self._manner = manners if callable(manners) else lambda n: next(given, PLAIN)  # type: ignore[arg-type]
        self._most = most

    @property
    def live(self) -> list[Link]:
        """Those that have not ended."""
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
        # Told of no exception, so that a test's failed assertion leaves bare.
        await self._group.__aexit__(None, None, None)
        await anyio.aclose_forcefully(self._listener)

    async def _talk(self, client: SocketStream) -> None:
        if len(self.live) >= self._most:
            await anyio.aclose_forcefully(client)
            return
        link = Link(len(self.links), self._manner(len(self.links)))
        self.links.append(link)
        try:
            # Cancelled just when it has connected, anyio would lose the socket.
            with anyio.CancelScope(shield=True), anyio.fail_after(5):
                server = await anyio.connect_tcp("127.0.0.1", self._target)
            for stream in (client, server):
                _shrink(stream, link._manner.buffers)
            await link.carry(client, server)
        except OSError:
            pass  # nobody listens there: a hang-up is how the client sees it
        finally:
            await _close(client)
            link.ended.set()


async def _close(stream: SocketStream) -> None:
    # Cancelled by now, the first of two streams would be the only one that is closed.
    with anyio.CancelScope(shield=True):
        await anyio.aclose_forcefully(stream)


def _raw(stream: SocketStream) -> Any:
    return stream.extra(SocketAttribute.raw_socket)


def _shrink(stream: SocketStream, size: int | None) -> None:
    if size is not None:
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            _raw(stream).setsockopt(socket.SOL_SOCKET, option, size)
