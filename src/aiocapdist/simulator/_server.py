"""The simulator: its listeners, its connections and what they share."""

from __future__ import annotations

import os
import random
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self

import anyio
from anyio.abc import ByteStream, TaskGroup

from .._connection.key_file import load_key
from .._loop import current_clock
from .._transports.memory import MemoryListener
from ._arguments import check_arguments
from ._codec import Codec
from ._connection import IDLE_INTERVALS, SimulatedConnection
from ._delays import Delays
from ._handlers import Handler, RequestHandler
from ._listener import TcpListener
from ._rate_window import Limits
from ._request_log import LoggedRequest
from ._sources import GivenFigures, Replay, player_of, source_of
from ._tcp_codec import TcpCodec
from ._websocket_codec import WebSocketCodec
from .assumptions import Assumptions
from .faults import NO_FAULTS, Faults

if TYPE_CHECKING:
    from ..recording import Recording

_NO_ANSWERS: Mapping[int, Handler] = MappingProxyType({})
_DEFAULTS = Assumptions()


class Simulator:
    """OpenD without an account: ``async with Simulator() as opend``, then ``opend.port``.

    Works on asyncio, uvloop and trio. ``requests`` is the log, which grows while the simulator
    runs. :meth:`go_away` and :meth:`come_back` stop and restart OpenD. Figures depend on code,
    ``seed`` and ``now`` alone. Securities whose code is all nines are unknown; indices
    (``US..DJI``, ``HK.800000``), futures, options, FX and event contracts are unsupported,
    unless assumed otherwise. Entering raises OSError if a port is in use, RecordingError if the
    recording cannot be played.

    :param port: Where it listens, at ``host``; 0 is a free port.
    :param quota: (limit, period in seconds) of proto 3212, counted in closed windows over all
        connections, and again of proto 3211; None sets no limit.
    :param count_refused: Rejected requests count too.
    :param latency: Seconds from request to reply, or a (low, high) pair to draw from, with which
        replies overtake each other. A request is counted somewhere on the way.
    :param rsa_key: PEM file's path, or its bytes: clients need the same key, and connections are
        encrypted as the client asks.
    :param websocket: Listen for WebSockets too, at a free port or this one.
    :param websocket_key: Key that clients need there.
    :param ssl_context: Makes it ``wss``.
    :param seed: Decides figures, and what is drawn.
    :param language: Of error texts: ``zh`` or ``en``.
    :param super_fields: False simulates an OpenD too old to report super orders.
    :param keep_alive_interval: Seconds that the handshake reports, with ``server_version``.
    :param now: Unix clock of the figures; of a recording, the recorded clock.
    :param figures: Mapping from codes, or function from a code, to CapitalDistribution. Every
        other security, and every flow, is unknown.
    :param recording: Path, URL or Recording to play back (extra ``store``): its figures, flows and
        clock, which starts with the first request. A security has no figures before its first
        row; at the end the last ones stay.
    :param speed: How many times as fast it is played.
    :param start: Aware time to begin at, in place of the first row.
    :param nights: Play nights whole; otherwise they are cut to ten minutes.
    :param answers: Functions by proto id that take a request's body and return the reply as a
        protobuf message, which may be one of the vendor's own.
    :param faults: Schedule of what goes wrong (see Faults).
    :param assumptions: What to assume where OpenD's behaviour is unknown (see Assumptions).
    :param account: Another simulator whose account this one is logged in with too, and whose
        quota it shares if that is the account's.
    :raises ValueError, InvalidKey, ModuleNotFoundError: A wrong argument, an unusable key, a
        missing extra.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        quota: tuple[int, float] | None = (30, 30.0),
        count_refused: bool = False,
        latency: float | tuple[float, float] = 0.0,
        rsa_key: str | os.PathLike[str] | bytes | None = None,
        websocket: bool | int = False,
        websocket_key: str = "",
        ssl_context: ssl.SSLContext | None = None,
        seed: int = 0,
        language: str = "zh",
        super_fields: bool = True,
        keep_alive_interval: int = 10,
        server_version: int = 1011,
        now: Callable[[], float] = time.time,
        figures: GivenFigures | None = None,
        recording: Recording | str | os.PathLike[str] | None = None,
        speed: float = 1.0,
        start: datetime | None = None,
        nights: bool = False,
        answers: Mapping[int, Handler] = _NO_ANSWERS,
        faults: Faults = NO_FAULTS,
        assumptions: Assumptions = _DEFAULTS,
        account: Simulator | None = None,
    ) -> None:
        check_arguments(language, quota, latency, faults, now)
        self._player = player_of(Replay(recording, speed, start, nights), now)
        if self._player is not None:
            now = self._player.now
        source = source_of(self._player, figures, seed, now, assumptions, super_fields=super_fields)
        self.host = host
        self.port: int = port
        self.websocket_port: int = 0
        """Port of the WebSocket listener; 0 if there is none."""
        self.requests: list[LoggedRequest] = []
        self._limits: Limits
        if account is not None and assumptions.quota_of == "account":
            self._limits = account._limits
        else:
            per_connection = assumptions.quota_of == "connection"
            self._limits = Limits(quota, count_refused=count_refused, per_connection=per_connection)
        self._handler: RequestHandler = RequestHandler(
            limits=self._limits,
            source=source,
            assumptions=assumptions,
            user_id=10_000_000 + seed if account is None else account._handler.user_id,
            language=language,
            keep_alive_interval=keep_alive_interval,
            server_version=server_version,
            now=now,
            user_handlers=answers,
        )
        self._random = random.Random(seed)
        self._draw_delays = Delays(latency, assumptions, self._random)
        self._idle_timeout = IDLE_INTERVALS * (keep_alive_interval or 10)
        self._rsa_key = None if rsa_key is None else load_key(rsa_key)
        self._websocket = websocket
        self._websocket_key = websocket_key
        if websocket is not False:
            self._websocket_codec()  # raises now if the extra is missing
        self._ssl = ssl_context
        self._faults = faults
        self._connections: dict[int, SimulatedConnection] = {}
        self._next_conn_id = 1
        self._memory: MemoryListener | None = None
        self._group: TaskGroup | None = None
        self._restart_lock = anyio.Lock()

    # ---- What tests read

    @property
    def memory(self) -> MemoryListener:
        """A transport without sockets, as in ``connect(opend.memory)``."""
        if self._memory is None:
            raise RuntimeError("the simulator is not running: use async with")
        return self._memory

    @property
    def connections(self) -> int:
        """Number of clients connected."""
        return len(self._connections)

    @property
    def largest_window(self) -> int:
        """Largest number of 3212 requests accepted in any closed window so far."""
        return self._limits["distribution"].largest

    @property
    def largest_flow_window(self) -> int:
        """Largest number of requests of 3211 accepted in any closed window so far."""
        return self._limits["flow"].largest

    # ---- What tests do

    def disconnect_all(self) -> None:
        """Close all connections. Clients can connect again at once."""
        for connection in self._connections.values():
            connection.close()

    def push(self, proto_id: int, body: bytes) -> None:
        """Send a message that is no reply to every client that completed its handshake."""
        for connection in self._connections.values():
            if connection.ready:
                connection.push(proto_id, body)

    async def go_away(self) -> None:
        """Close all connections and refuse new ones, as OpenD does when it is stopped.

        On Linux the ports stay its own, so that no other program has them when it comes back.
        """
        assert self._memory is not None
        self._memory.refusing = True
        async with self._restart_lock:
            for listener in self._listeners:
                await listener.pause()
        self.disconnect_all()

    async def come_back(self) -> None:
        """Listen again, at the same ports. The rate limit's count is kept. Can be repeated."""
        assert self._memory is not None
        assert self._group is not None
        # Two faults may stop it together, and each of them restarts it.
        async with self._restart_lock:
            for listener in self._listeners:
                if not listener.is_open:
                    await listener.open()
                    self._group.start_soon(listener.serve)
        self._memory.refusing = False

    # ---- Starting and stopping

    async def __aenter__(self) -> Self:
        self._clock = current_clock()
        handle_tcp = partial(self._serve_client, self._tcp_codec)
        self._listeners = [TcpListener(self.host, self.port, handle_tcp)]
        if self._websocket is not False:
            port = 0 if self._websocket is True else self._websocket
            handle = partial(self._serve_client, self._websocket_codec)
            self._listeners.append(TcpListener(self.host, port, handle, self._ssl))
        try:
            if self._player is not None:
                await self._player.open()
            for listener in self._listeners:
                await listener.open()
        except BaseException:
            await self._close()
            raise
        self.port = self._listeners[0].port
        if len(self._listeners) > 1:
            self.websocket_port = self._listeners[1].port
        self._memory = MemoryListener()
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._memory.serve, handle_tcp)
        for listener in self._listeners:
            self._group.start_soon(listener.serve)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._group is not None
        self._group.cancel_scope.cancel()
        try:
            # Without the exception, so that the group does not wrap the user's own.
            await self._group.__aexit__(None, None, None)
        finally:
            await self._close()

    async def _close(self) -> None:
        # Everything is closed even if cancelled: asyncio's own cancellation ignores the
        # shield and interrupts one of the calls.
        with anyio.CancelScope(shield=True):
            async with AsyncExitStack() as stack:
                for listener in self._listeners:
                    stack.push_async_callback(listener.close)
                if self._memory is not None:
                    stack.push_async_callback(self._memory.aclose)
                if self._player is not None:
                    stack.push_async_callback(self._player.aclose)

    def _restart(self, seconds: float) -> None:
        """Stop, and start again after some seconds, in a task of its own."""

        async def restart() -> None:
            await self.go_away()
            await anyio.sleep(seconds)
            await self.come_back()

        assert self._group is not None
        self._group.start_soon(restart)

    # ---- Connections

    def _tcp_codec(self) -> Codec:
        # From the one seeded source: a seed reproduces the session keys too.
        key, iv = (f"{self._random.getrandbits(64):016x}" for _ in range(2))
        return TcpCodec(self._handler, self._rsa_key, key, iv)

    def _websocket_codec(self) -> Codec:
        return WebSocketCodec(self._handler, self._websocket_key)

    async def _serve_client(self, make_codec: Callable[[], Codec], stream: ByteStream) -> None:
        conn_id = self._next_conn_id
        self._next_conn_id += 1
        connection = SimulatedConnection(
            stream,
            make_codec(),
            self._handler,
            conn_id=conn_id,
            idle_timeout=self._idle_timeout,
            draw_delays=self._draw_delays,
            faults=self._faults,
            restart=self._restart,
            clock=self._clock,
            log=self.requests,
        )
        self._connections[conn_id] = connection
        try:
            await connection.run()
        finally:
            del self._connections[conn_id]
