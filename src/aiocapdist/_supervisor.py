"""Keeps a client connected: connects, and connects again when a connection is lost."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from enum import Enum
from typing import Any

import anyio

from ._connection import Connection
from ._explain import explain_connect, explain_handshake, internal_error, reason_of
from ._lane import AnyRequest, RequestLane
from ._loop import Clock
from ._protocol.backoff import Backoff
from ._protocol.session import Flight
from ._protocol.wire import Welcome, Wire
from ._transports.base import Door
from .errors import AiocapdistError, ClientClosed, ConnectionLost
from .quota import Quota
from .quota.unmetered import Unmetered

log = logging.getLogger("aiocapdist")


class LinkState(Enum):
    """Where a client stands, as ``client.status.state`` tells it."""

    CONNECTING = "connecting"
    READY = "ready"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


class Supervisor:
    """One client's way to OpenD, over as many connections as it takes (see _lane.Link)."""

    def __init__(
        self,
        door: Door,
        make_wire: Callable[[], Wire],
        *,
        clock: Clock,
        request_timeout: float,
        connect_timeout: float,
        reconnect: bool,
    ) -> None:
        self.door = door
        self.request_timeout = request_timeout
        self.state = LinkState.CONNECTING
        self.welcome: Welcome | None = None
        self.reconnects = 0
        self.finished = anyio.Event()
        self.task: object = None  # held, since a loop holds its tasks weakly
        self.unmetered = Unmetered()
        self._make_wire = make_wire
        self._clock = clock
        self._connect_timeout = connect_timeout
        self._reconnect = reconnect
        self._connection: Connection | None = None
        self._lanes: set[RequestLane] = set()
        self._quotas: list[Quota] = []
        self._scope = anyio.CancelScope()
        self._started = anyio.Event()
        self._final: AiocapdistError | None = None
        self._was_ready_at: float | None = None
        self._backoff = Backoff(random.uniform)

    # ---- what the client calls

    async def start(self) -> None:
        """Wait for the first connection; raise ConnectError where there is none."""
        await self._started.wait()
        if self._final is not None:
            raise self._final

    async def aclose(self) -> None:
        """End every call with ClientClosed and the connection with it. Repeatable."""
        self._end(ClientClosed())
        self._scope.cancel()
        await self.finished.wait()

    def use(self, quota: Quota) -> None:
        """Grant this quota's tokens while this client lives. Before :meth:`run`."""
        quota.attach(self._clock)
        self._quotas.append(quota)

    def add(self, lane: RequestLane) -> None:
        """Let the lane know of the connection's coming and going."""
        self._lanes.add(lane)

    def remove(self, lane: RequestLane) -> None:
        self._lanes.discard(lane)

    # ---- what lanes call (see _lane.Link)

    @property
    def ready(self) -> bool:
        return self._connection is not None

    def send(self, request: AnyRequest) -> Flight[Any]:
        assert self._connection is not None
        return self._connection.send(request.proto_id, request.body(), request)

    def forget(self, flight: Flight[Any]) -> bool:
        # A flight of an earlier connection is known to nobody any more.
        return self._connection is None or self._connection.forget(flight)

    def final_error(self, *, sent: bool) -> AiocapdistError | None:
        final = self._final
        if isinstance(final, ConnectionLost):
            return self.loss(final.__cause__ or final, sent=sent)
        return final

    def loss(self, cause: BaseException, *, sent: bool) -> AiocapdistError:
        error = ConnectionLost(reason_of(cause), sent=sent)
        error.__cause__ = cause
        return error

    # ---- the one task

    async def run(self) -> None:
        """Stay connected until closed, or until the end of hope. Raises nothing of ours."""
        try:
            with self._scope:
                async with anyio.create_task_group() as group:
                    for quota in self._quotas:
                        group.start_soon(quota.keep_time)
                    await self._stay_connected()
                    group.cancel_scope.cancel()
        except Exception as error:
            log.exception("an error of this library itself ended the client")
            self._end(internal_error(error))
        finally:
            self._end(ClientClosed())
            for quota in self._quotas:
                quota.detach()
            self.finished.set()

    async def _stay_connected(self) -> None:
        while True:
            self._was_ready_at = None
            cause = await self._one_connection()
            if self._was_ready_at is not None:
                self._backoff.lived(self._clock() - self._was_ready_at)
            elif not self._started.is_set():
                self._end(cause)
            if not self._reconnect:
                self._end(cause)
            if self._final is not None:
                return
            self.state = LinkState.RECONNECTING
            delay = self._backoff.next()
            log.info("connection to OpenD lost (%s); again in %.2f s", cause, delay)
            await anyio.sleep(delay)

    async def _one_connection(self) -> AiocapdistError:
        """Dial, greet, and carry requests until the end of it, which is returned."""
        greet_by = self._clock() + self._connect_timeout
        try:
            with anyio.fail_after(self._connect_timeout):
                transport = await self.door.open()
        except (OSError, TimeoutError) as error:
            return explain_connect(error, self.door, self._connect_timeout)
        connection = Connection(
            transport,
            self._make_wire(),
            clock=self._clock,
            request_timeout=self.request_timeout,
            on_ready=lambda welcome: self._ready(connection, welcome),
            on_lost=self._lost,
            on_push=self._pushed,
            after_read=self._pump,
        )
        cause = await connection.run(greet_by)
        if self._was_ready_at is None:
            return explain_handshake(cause, self.door)
        return self.loss(cause, sent=True)

    # ---- what the connection tells

    def _ready(self, connection: Connection, welcome: Welcome) -> None:
        if self._started.is_set():
            self.reconnects += 1
        self._connection = connection
        self.welcome = welcome
        self.state = LinkState.READY
        self._was_ready_at = self._clock()
        self._started.set()
        self._refresh()

    def _lost(self, cause: Exception) -> None:
        if self._connection is None:
            return  # it never was ready: nobody relied on it
        self._connection = None
        if not self._reconnect:
            self._end(self.loss(cause, sent=True))
        elif self._final is None:
            self.state = LinkState.RECONNECTING
        self._refresh()

    def _pushed(self, proto_id: int, body: bytes) -> None:
        """Notices have no listener yet."""

    def _pump(self) -> None:
        for quota in self._quotas:
            quota.pump()
        self.unmetered.pump()

    def _refresh(self) -> None:
        for lane in list(self._lanes):
            lane.refresh()
        self._pump()

    def _end(self, error: AiocapdistError) -> None:
        """No call has hope from now on: the first reason stays."""
        if self._final is not None:
            return
        self._final = error
        self.state = LinkState.CLOSED
        self._started.set()
        final = self.final_error(sent=False)
        assert final is not None
        for lane in list(self._lanes):
            lane.fail(final)
