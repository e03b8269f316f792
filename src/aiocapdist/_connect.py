"""``connect()``: both a context manager and something to await."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Protocol

import anyio
from anyio.abc import ByteStream, TaskGroup

from ._address import parse_address
from ._loop import current_clock, on_asyncio
from ._protocol.wire import TcpWire
from ._supervisor import Supervisor
from ._transports.base import Door
from ._transports.stream import StreamDoor
from ._transports.tcp import TcpDoor
from .client import Client
from .models import SecurityFirm
from .quota import Quota


class StreamOpener(Protocol):
    """What ``address`` may be besides a text: something that opens byte streams.

    The simulator's ``memory`` is one: no socket, so that time can be virtual in tests.
    """

    async def open(self) -> ByteStream: ...


def connect(
    address: str | StreamOpener = "127.0.0.1",
    port: int | None = None,
    *,
    quota: Quota | None = None,
    security_firm: SecurityFirm | int | None = None,
    client_id: str = "aiocapdist",
    request_timeout: float = 10.0,
    connect_timeout: float = 10.0,
    attempts: int = 3,
    reconnect: bool = True,
    max_frame: int = 2**20,
) -> Connecting:
    """Connect to OpenD: ``async with connect() as client``, or ``await connect()``.

    ``address`` is a host or a URL (``tcp://host:port``), the port 11111 unless given.
    ``quota`` defaults to 30 calls in 30 seconds; give several clients of one account the
    same. ``request_timeout`` seconds count from a request's sending. ``attempts`` is how
    often a read is sent at most when its connection breaks, its reply does not come or
    is damaged, or the vendor's servers fail. With ``reconnect=False`` the first loss ends
    the client.

    Connecting raises ConnectError within ``connect_timeout`` seconds where OpenD is not
    there, and HandshakeError where it does not let us in. Wrong arguments raise ValueError
    or TypeError here, before anything is sent. Cancelling leaves nothing open. The awaited
    form needs ``await client.aclose()`` and asyncio; on trio use ``async with``.
    """
    _check_positive("request_timeout", request_timeout)
    _check_positive("connect_timeout", connect_timeout)
    _check_whole("attempts", attempts)
    _check_whole("max_frame", max_frame)
    door = _door(address, port)
    if quota is None:
        quota = Quota()

    def make_client() -> tuple[Client, Supervisor]:
        clock = current_clock()
        supervisor = Supervisor(
            door,
            lambda: TcpWire(client_id=client_id, max_frame=max_frame),
            clock=clock,
            request_timeout=request_timeout,
            connect_timeout=connect_timeout,
            reconnect=reconnect,
        )
        client = Client(
            supervisor, quota, clock=clock, attempts=attempts, security_firm=security_firm
        )
        return client, supervisor

    return Connecting(make_client)


class Connecting:
    """A client about to be: enter it, or await it. Once."""

    def __init__(self, make_client: Callable[[], tuple[Client, Supervisor]]) -> None:
        self._make_client = make_client
        self._client: Client | None = None
        self._group: TaskGroup | None = None

    def __await__(self) -> Generator[Any, Any, Client]:
        return self._connect_alone().__await__()

    async def __aenter__(self) -> Client:
        if on_asyncio():
            return await self._connect_alone()
        group = anyio.create_task_group()
        await group.__aenter__()
        self._group = group
        try:
            return await self._connect(group.start_soon)
        except BaseException:
            await self._leave_group()
            raise

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._client is not None
        try:
            await self._client.aclose()
        finally:
            await self._leave_group()

    async def _connect_alone(self) -> Client:
        if not on_asyncio():
            raise RuntimeError(
                "await connect() needs asyncio, where a task can live on its own; "
                "on trio use: async with aiocapdist.connect() as client"
            )
        return await self._connect(_start_task)

    async def _connect(self, start: Callable[[Callable[[], Coroutine[Any, Any, None]]], object]) -> Client:
        if self._client is not None:
            raise RuntimeError("this connect() was used before; call it again")
        self._client, supervisor = self._make_client()
        # The supervisor lives outside the caller's scope, so that a user's exception
        # leaves `async with` bare, and no background failure comes in a group.
        supervisor.task = start(supervisor.run)
        try:
            await supervisor.start()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await supervisor.aclose()
            raise
        return self._client

    async def _leave_group(self) -> None:
        """On trio: leave the nursery. Told of no exception, it wraps none."""
        if self._group is not None:
            self._group.cancel_scope.cancel()
            await self._group.__aexit__(None, None, None)


def _start_task(run: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(run(), name="aiocapdist")


def _door(address: str | StreamOpener, port: int | None) -> Door:
    if isinstance(address, str):
        parsed = parse_address(address, port)
        return TcpDoor(parsed.host, parsed.port)
    if not hasattr(address, "open"):
        raise TypeError(f"address is a host or a URL, not {type(address).__name__}")
    if port is not None:
        raise ValueError("port goes with a host, not with a stream opener")
    return StreamDoor("memory", address.open)


def _check_positive(name: str, seconds: float) -> None:
    if not (isinstance(seconds, int | float) and math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"{name} must be a positive number of seconds, not {seconds!r}")


def _check_whole(name: str, number: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"{name} must be a whole number, at least 1, not {number!r}")
