"""``connect()``: both a context manager and something to await."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType, UnionType
from typing import Any

import anyio
from anyio.abc import TaskGroup

from ._entrance import CipherName, Plan, StreamOpener
from ._key_file import KeySource
from ._loop import current_clock, on_asyncio
from ._supervisor import Supervisor
from .client import Client
from .models import SecurityFirm
from .quota import Quota


def connect(
    address: str | StreamOpener = "127.0.0.1",
    port: int | None = None,
    *,
    quota: Quota | None = None,
    rsa_key: KeySource | None = None,
    cipher: CipherName = "aes-cbc",
    websocket_key: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    security_firm: SecurityFirm | int | None = None,
    client_id: str = "aiocapdist",
    request_timeout: float = 10.0,
    connect_timeout: float = 10.0,
    attempts: int = 3,
    reconnect: bool = True,
    max_frame: int = 2**20,
) -> Connecting:
    """Connect to OpenD: ``async with connect() as client``, or ``await connect()``.

    ``address`` is a host or a URL: ``tcp://host:port`` (port 11111 unless given), or
    ``ws://host:port`` or ``wss://host:port`` for the WebSocket door (33333). ``quota``
    defaults to 30 calls in 30 seconds; give several clients of one account the same.

    ``rsa_key`` (the path of a PEM file, or its bytes) encrypts the TCP door, by ``cipher``:
    ``aes-cbc``, or ``ftaes-ecb`` for an OpenD that wants it; then nothing is accepted in the
    clear. ``websocket_key`` is the WebSocket door's key, in its own words; ``ssl_context``
    is for wss, where certificates are verified unless it says otherwise.

    ``security_firm`` goes into each question's header, ``client_id`` into OpenD's log.
    ``request_timeout`` seconds count from a request's sending. ``attempts`` is how often a
    read is sent at most when its connection breaks, its reply does not come or is damaged,
    or the vendor's servers fail. With ``reconnect=False`` the first loss ends the client.
    Replies longer than ``max_frame`` bytes end the connection.

    Connecting raises ConnectError within ``connect_timeout`` seconds where OpenD is not
    there, HandshakeError where it does not let us in, InvalidKey for an ``rsa_key`` that is
    none, ModuleNotFoundError where a door's extra is not installed. Wrong arguments raise
    ValueError or TypeError here, before anything is sent. Cancelling leaves nothing open. The
    awaited form needs ``await client.aclose()`` and asyncio; on trio use ``async with``.
    Sources: protos 1001 (InitConnect) and, for the WebSocket door, 1 (InitWebSocket).
    """
    _check_positive("request_timeout", request_timeout)
    _check_positive("connect_timeout", connect_timeout)
    _check_whole("attempts", attempts)
    _check_whole("max_frame", max_frame)
    _check_kind("quota", quota, Quota | None, "an aiocapdist.Quota")
    _check_kind("client_id", client_id, str, "a text")
    _check_firm(security_firm)
    plan = Plan(
        address,
        port,
        rsa_key=rsa_key,
        cipher=cipher,
        websocket_key=websocket_key,
        ssl_context=ssl_context,
        client_id=client_id,
        max_frame=max_frame,
    )
    shared = Quota() if quota is None else quota

    async def make_client() -> tuple[Client, Supervisor]:
        entrance = await plan.prepare()
        clock = current_clock()
        supervisor = Supervisor(
            entrance,
            clock=clock,
            request_timeout=request_timeout,
            connect_timeout=connect_timeout,
            reconnect=reconnect,
        )
        client = Client(
            supervisor, shared, clock=clock, attempts=attempts, security_firm=security_firm
        )
        return client, supervisor

    return Connecting(make_client)


class Connecting:
    """A client about to be: enter it, or await it. Once."""

    def __init__(self, make_client: Callable[[], Awaitable[tuple[Client, Supervisor]]]) -> None:
        self._make_client = make_client
        self._used = False
        self._client: Client | None = None
        self._group: TaskGroup | None = None

    def __await__(self) -> Generator[Any, Any, Client]:
        return self._connect_alone().__await__()

    async def __aenter__(self) -> Client:
        if on_asyncio():
            return await self._connect_alone()
        self._use()
        group = anyio.create_task_group()
        await group.__aenter__()
        self._group = group
        try:
            return await self._connect(lambda supervisor: group.start_soon(supervisor.run))
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
        self._use()
        return await self._connect(_start_task)

    def _use(self) -> None:
        if self._used:
            raise RuntimeError("this connect() was used before; call it again")
        self._used = True

    async def _connect(self, start: Callable[[Supervisor], object]) -> Client:
        self._client, supervisor = await self._make_client()
        # The supervisor lives outside the caller's scope, so that a user's exception
        # leaves `async with` bare, and no background failure comes in a group.
        supervisor.task = start(supervisor)
        try:
            await supervisor.start()
        except BaseException:
            await supervisor.aclose()
            raise
        return self._client

    async def _leave_group(self) -> None:
        """On trio: leave the nursery. Told of no exception, it wraps none."""
        if self._group is not None:
            self._group.cancel_scope.cancel()
            await self._group.__aexit__(None, None, None)


def _start_task(supervisor: Supervisor) -> asyncio.Task[None]:
    task = asyncio.get_running_loop().create_task(supervisor.run(), name="aiocapdist")
    # A task that is cancelled before its first step runs nothing, not even a `finally`.
    task.add_done_callback(lambda _: supervisor.finish())
    return task


def _check_positive(name: str, seconds: float) -> None:
    if not (isinstance(seconds, int | float) and math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"{name} must be a positive number of seconds, not {seconds!r}")


def _check_whole(name: str, number: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ValueError(f"{name} must be a whole number, at least 1, not {number!r}")


def _check_kind(name: str, value: object, kind: type | UnionType, words: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {words}, not {type(value).__name__}")


def _check_firm(firm: object) -> None:
    if firm is None:
        return
    expected = "security_firm is a SecurityFirm or its number"
    if isinstance(firm, bool) or not isinstance(firm, int):
        raise TypeError(f"{expected}, not {type(firm).__name__}")
    if not 0 <= firm < 2**31:
        raise ValueError(f"{expected}, not {firm}")
