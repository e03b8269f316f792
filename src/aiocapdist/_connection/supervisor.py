"""Keeps a client connected: connects, and connects again when a connection is lost."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

import anyio
from anyio.abc import TaskGroup

from .._loop import Clock, Waiter, wait_shielded, waiter_kind
from .._protocol.backoff import Backoff
from .._protocol.catalog import NOTIFY
from .._protocol.flights import Flight
from .._protocol.notices import read_notice
from .._protocol.wire import Welcome
from .._transports.base import Connector
from ..errors import (
    AiocapdistError,
    ClientClosed,
    ConnectionLost,
    ProtocolError,
    QuotaUnavailable,
)
from ..events import Connected, Disconnected, Reconnecting
from ..models.state import version_text
from ..quota import Quota
from ..quota._core.quota import scheduler_of
from ..quota._core.scheduler import Scheduler
from ..quota._core.unlimited import Unlimited
from .connect_errors import explain_connect, explain_handshake, internal_error, reason_of
from .connection import Connection
from .endpoint import Endpoint
from .event_stream import EventPublisher, EventStream
from .stats import ConnectionStats

log = logging.getLogger("aiocapdist")


class LinkState(Enum):
    """Where a client stands, as ``client.status.state`` tells it."""

    CONNECTING = "connecting"
    READY = "ready"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


class ConnectionListener(Protocol):
    """Someone who is told when requests can be sent, and when they cannot any more."""

    def refresh(self) -> None:
        """The connection has come, or gone."""

    def fail(self, error: AiocapdistError) -> None:
        """No connection will come any more."""


class Supervisor:
    """One client's way to OpenD, over as many connections as it takes (see _lane.Link)."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        clock: Clock,
        request_timeout: float,
        connect_timeout: float,
        reconnect: bool,
    ) -> None:
        self.connector: Connector = endpoint.connector
        self.encrypted: bool = endpoint.encrypted
        self.request_timeout = request_timeout
        self.state: LinkState = LinkState.CONNECTING
        self.connection: Connection | None = None  # while requests can be sent
        self.new_waiter: Callable[[], Waiter] = waiter_kind()
        self.welcome: Welcome | None = None
        self.reconnects: int = 0
        self.ready_since: float | None = None
        self.traffic: ConnectionStats = ConnectionStats()
        self.feed: EventPublisher = EventPublisher()
        self.finished: anyio.Event = anyio.Event()
        self.task: object = None  # held, since a loop holds its tasks weakly
        self.unmetered: Unlimited = Unlimited(clock)
        self._endpoint = endpoint
        self.clock = clock
        self._connect_timeout = connect_timeout
        self._reconnect = reconnect
        self.keep_trying: bool = False
        """Whether it goes on where even the first attempt to connect fails."""
        self._first_failure: AiocapdistError | None = None
        self._lanes: set[ConnectionListener] = set()
        self._quotas: list[Scheduler] = []
        self._pumps: list[Callable[[], None]] = [self.unmetered.pump]
        self._group: TaskGroup | None = None
        self._scope = anyio.CancelScope()
        self._started = anyio.Event()
        self._final: AiocapdistError | None = None
        self._was_ready_at: float | None = None
        self._backoff = Backoff(random.uniform)

    # ---- what the client calls

    async def start(self) -> None:
        """Wait for the first connection; raise ConnectError where there is none."""
        await self._started.wait()
        error = self._final or self._first_failure
        if error is not None:
            raise error

    async def aclose(self) -> None:
        """End every call with ClientClosed and the connection with it. Repeatable."""
        if not self.finished.is_set():  # else it was perhaps on a loop that is no more
            self.stop()
            await wait_shielded(self.finished)

    def stop(self) -> None:
        """Begin to end, as :meth:`aclose` does; ``finished`` tells when that is done."""
        self._end(ClientClosed())
        self._scope.cancel()

    def use(self, quota: Quota) -> None:
        """Grant this quota's tokens while this client lives."""
        scheduler = scheduler_of(quota)
        if scheduler in self._quotas or self.finished.is_set():
            return
        if self.welcome is not None:
            scheduler.bind_account(self.welcome.login_user_id)
        scheduler.attach(self.clock, self.feed.publish)
        self._quotas.append(scheduler)
        self._pumps.append(scheduler.pump)
        if self._group is not None:
            self._group.start_soon(scheduler.run)

    def listen(self) -> EventStream:
        """Events from now on, after one that tells where we stand, if connected."""
        stream = self.feed.listen()
        if self.connection is not None and self.welcome is not None:
            stream.put(connected(self.welcome))
        return stream

    def add(self, lane: ConnectionListener) -> None:
        """Let the lane know of the connection's coming and going."""
        self._lanes.add(lane)

    def remove(self, lane: ConnectionListener) -> None:
        self._lanes.discard(lane)

    def also_pump(self, pump: Callable[[], None]) -> None:
        """Call this too whenever what came in may let someone go."""
        self._pumps.append(pump)

    # ---- what lanes call (see _lane.Link)

    def forget(self, flight: Flight[Any]) -> bool:
        # A flight of an earlier connection is known to nobody any more.
        return self.connection is None or self.connection.forget(flight)

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
                    self._group = group
                    for quota in self._quotas:
                        group.start_soon(quota.run)
                    await self._stay_connected()
                    group.cancel_scope.cancel()
        except Exception as error:
            log.exception("an error of this library itself ended the client")
            self._end(internal_error(error))
        finally:
            self.finish()

    def finish(self) -> None:
        """Let go of everything, at the end of ``run`` or in its place. Repeatable."""
        if self.finished.is_set():
            return
        self._end(ClientClosed())
        self._group = None
        for quota in self._quotas:
            quota.detach(self.feed.publish)
        self.feed.close()
        self.finished.set()

    async def _stay_connected(self) -> None:
        while True:
            self._was_ready_at = None
            cause = await self._one_connection()
            if self._was_ready_at is not None:
                self._backoff.lived(self.clock() - self._was_ready_at)
            elif not self._started.is_set():
                self._not_reached(cause)
            if not self._reconnect:
                self._end(cause)
            if self._final is not None:
                return
            self.state = LinkState.RECONNECTING
            delay = self._backoff.next()
            log.info("connection to OpenD lost (%s); again in %.2f s", cause, delay)
            self.feed.publish(Reconnecting(delay=delay, attempt=self._backoff.attempt))
            await anyio.sleep(delay)

    def _not_reached(self, cause: AiocapdistError) -> None:
        """The first attempt has failed."""
        self._first_failure = cause
        if self.keep_trying:
            log.warning("one gateway of several was not reached: %s", cause)
        else:
            self._end(cause)
        self._started.set()

    async def _one_connection(self) -> AiocapdistError:
        """Dial, greet, and carry requests until the end of it, which is returned."""
        greet_by = self.clock() + self._connect_timeout
        try:
            with anyio.fail_after(self._connect_timeout):
                transport = await self.connector.open()
        except (OSError, TimeoutError) as error:
            return explain_connect(error, self.connector, self._connect_timeout)
        connection = Connection(
            transport,
            self._endpoint.make_wire(),
            clock=self.clock,
            request_timeout=self.request_timeout,
            traffic=self.traffic,
            on_ready=lambda welcome: self._ready(connection, welcome),
            on_lost=self._lost,
            on_push=self._pushed,
            after_read=self._pump,
        )
        cause = await connection.run(greet_by)
        if self._was_ready_at is None:
            return explain_handshake(cause, self._endpoint)
        return self.loss(cause, sent=True)

    # ---- what the connection tells

    def _ready(self, connection: Connection, welcome: Welcome) -> None:
        if self._final is not None:
            return  # closed just now: the connection's end is near
        if not self._introduce(welcome):
            return
        self.reconnects += self.welcome is not None
        self.connection = connection
        self.welcome = welcome
        self.state = LinkState.READY
        self._was_ready_at = self.ready_since = self.clock()
        self._started.set()
        self.feed.publish(connected(welcome))
        self._refresh()

    def _introduce(self, welcome: Welcome) -> bool:
        """Tell the quotas whose account this is. One that cannot count for it is the end."""
        try:
            for quota in self._quotas:
                quota.bind_account(welcome.login_user_id)
        except QuotaUnavailable as error:
            self._end(error)
            self._scope.cancel()
            return False
        return True

    def _lost(self, cause: Exception) -> None:
        if self.ready_since is None:
            return  # it never was ready: nobody relied on it
        self.connection = None
        self.ready_since = None
        self.feed.publish(Disconnected(reason=reason_of(cause)))
        if not self._reconnect:
            self._end(self.loss(cause, sent=True))
        elif self._final is None:
            self.state = LinkState.RECONNECTING
        self._refresh()

    def _pushed(self, proto_id: int, body: bytes) -> None:
        if proto_id != NOTIFY:
            return  # a push that the user switched on by a request of their own
        try:
            self.feed.publish(read_notice(body), len(body))
        except ProtocolError as error:
            log.info("a notice of OpenD could not be understood: %s", error)

    def _pump(self) -> None:
        for pump in self._pumps:
            pump()

    def _refresh(self) -> None:
        for lane in list(self._lanes):
            lane.refresh()
        self._pump()

    def _end(self, error: AiocapdistError) -> None:
        """No call has hope from now on: the first reason stays."""
        if self._final is not None:
            return
        self._final = error
        self.connection = None
        self.state = LinkState.CLOSED
        self._started.set()
        final = self.final_error(sent=False)
        assert final is not None
        for lane in list(self._lanes):
            lane.fail(final)


def connected(welcome: Welcome) -> Connected:
    """The event that tells of this welcome."""
    return Connected(
        conn_id=welcome.conn_id,
        server_version=server_version(welcome),
        login_user_id=welcome.login_user_id,
    )


def server_version(welcome: Welcome | None) -> str | None:
    """OpenD's version as people write it, where it is known."""
    if welcome is None or welcome.server_version is None:
        return None
    return version_text(welcome.server_version)
