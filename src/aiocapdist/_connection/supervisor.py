"""Keeps a client connected: connects, and connects again when a connection is lost."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from .._loop import Clock
from .._protocol.backoff import Backoff
from .._protocol.catalog import NOTIFY
from .._protocol.codec import HandshakeResult
from .._protocol.flight import Flight
from .._task_group import TaskGroup, create_task_group, run_child
from ..errors import AiocapdistError, ClientClosed, ConnectionLost, ProtocolError, QuotaUnavailable
from ..quota._core.scheduler import Scheduler
from .absence import Absence
from .connect_errors import explain_connect, explain_handshake, internal_error, reason_of
from .connection import Connection
from .endpoint import Endpoint
from .event_stream import EventStream
from .hub import Hub, run_all
from .link_state import LinkState, connected, disconnected, notice, reconnecting
from .probe import Probe
from .stats import ConnectionStats, LoadFalls
from .used_quotas import UsedQuotas

if TYPE_CHECKING:
    from .._transports.base import Connector

log = logging.getLogger("aiocapdist")


class Supervisor(Hub):
    """One gateway, over as many connections as it takes (see _requests.interfaces.Link)."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        clock: Clock,
        request_timeout: float,
        connect_timeout: float,
        reconnect: bool,
        reconnect_timeout: float | None = None,
    ) -> None:
        super().__init__(clock)
        self.connector: Connector = endpoint.connector
        self.encrypted: bool = endpoint.encrypted
        self.request_timeout = request_timeout
        self.state: LinkState = LinkState.CONNECTING
        self.connection: Connection | None = None  # while requests can be sent
        self.handshake: HandshakeResult | None = None
        self.reconnects: int = 0
        self.ready_since: float | None = None
        self.stats: ConnectionStats = ConnectionStats()
        self.load_falls: LoadFalls = LoadFalls()
        self.keep_trying: bool = False
        """True to go on even if the first attempt to connect fails."""
        self.after_pump: Callable[[], None] | None = None  # called after its own quotas were
        self._endpoint = endpoint
        self._connect_timeout = connect_timeout
        self._reconnect = reconnect
        self._absence = Absence(clock, reconnect_timeout, self._overdue)
        self._first_failure: AiocapdistError | None = None
        self._quotas = UsedQuotas(
            clock, reconnect_timeout, self.publisher.publish, self.expire_all, self._refresh
        )
        self._group: TaskGroup | None = None
        self._scope = anyio.CancelScope()
        self._running: Connection | None = None  # from connecting to its end
        self._started = anyio.Event()
        self._final: AiocapdistError | None = None
        self._was_ready_at: float | None = None
        self._answered = False
        self._backoff = Backoff(random.uniform)

    # ---- called by the client

    async def start(self) -> None:
        """Wait for the first connection; raise ConnectError if there is none."""
        await self._started.wait()
        error = self._final or self._first_failure
        if error is not None:
            raise error

    def stop(self) -> None:
        run_all([partial(self._end, ClientClosed()), self._scope.cancel])

    def use(self, scheduler: Scheduler) -> None:
        if scheduler in self._quotas or self.finished.is_set():
            return
        if self.handshake is not None:
            scheduler.bind_account(self.handshake.login_user_id)
        self._quotas.add(scheduler)
        if self._group is not None:
            self._group.start_soon(run_child, scheduler.run)

    def start_soon(self, function: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        if self._group is None or self._final is not None:
            return False
        self._group.start_soon(function)
        return True

    def listen(self) -> EventStream:
        stream = self.publisher.listen()
        if self.connection is not None and self.handshake is not None:
            stream.put(connected(self.handshake))
        return stream

    # ---- called by queues and requests

    def cancel(self, flight: Flight[Any]) -> bool:
        self.load_falls.count += 1
        # A flight of an earlier connection is known to nobody any more.
        return self.connection is None or self.connection.cancel(flight)

    def final_error(self, *, sent: bool) -> AiocapdistError | None:
        final = self._final or self._absence.error
        if not isinstance(final, ConnectionLost):
            return final
        error = ConnectionLost(final.reason, sent=sent)
        error.__cause__ = final.__cause__
        return error

    def loss(self, cause: BaseException, *, sent: bool) -> AiocapdistError:
        error = ConnectionLost(reason_of(cause), sent=sent)
        error.__cause__ = cause
        return error

    def error_for(self, quota: object) -> AiocapdistError | None:
        return self.final_error(sent=False) or self._quotas.error_for(quota)

    def pump_later(self) -> None:
        """Nothing to do: this gateway's quotas are pumped after each read and each loss."""

    # ---- the one task

    async def stay_connected(self) -> None:
        """Stay connected until closed, or until reconnecting is over. Raises no Exception."""
        try:
            with self._scope:
                async with create_task_group() as group:
                    self._group = group
                    for scheduler in self._quotas:
                        group.start_soon(run_child, scheduler.run)
                    group.start_soon(run_child, self._absence.run)
                    group.start_soon(run_child, self._quotas.run)
                    await self._reconnect_until_closed()
                    group.cancel_scope.cancel()
        except Exception as error:
            log.exception("an error of this library itself ended the client")
            self._end(internal_error(error))

    def release(self) -> None:
        """End every call and release the quotas. Repeatable."""
        self._group = None
        run_all([self._end_calls, self._settle_flights, self._detach_all])

    def _end_calls(self) -> None:
        if self._final is None:
            self._end(ClientClosed())
        else:
            self._fail_calls()  # again: an exception may have left some out

    def _settle_flights(self) -> None:
        """Tell requests in flight, unless the connection's own end did."""
        if self._running is not None:
            self._running.abandon()
            self._running = None

    def _detach_all(self) -> None:
        self._settle_flights()  # if that was interrupted: what is held then counts as lost
        self._quotas.detach_all()

    async def _reconnect_until_closed(self) -> None:
        while True:
            self._was_ready_at = None
            cause = await self._one_connection()
            if self._was_ready_at is not None:
                lived = self.clock() - self._was_ready_at
                self._backoff.connected(lived, answered=self._answered)
            elif not self._started.is_set():
                self._not_reached(cause)
            if not self._reconnect:
                self._end(cause)
            if self._final is not None:
                return
            self.state = LinkState.RECONNECTING
            self._absence.failed(cause)
            delay = self._backoff.next()
            log.info("reconnecting to OpenD in %.2f s", delay)
            self.publisher.publish_made(partial(reconnecting, delay, self._backoff.attempt))
            await anyio.sleep(delay)

    def _not_reached(self, cause: AiocapdistError) -> None:
        """Note that the first attempt has failed."""
        self._first_failure = cause
        if not self.keep_trying:
            self._end(cause)
        self._started.set()

    async def _one_connection(self) -> AiocapdistError:
        """Connect, do the handshake, and carry requests; return why the connection ended."""
        handshake_by = self.clock() + self._connect_timeout
        try:
            transport = await self.connector.open(self._connect_timeout)
        except (OSError, TimeoutError) as error:
            return explain_connect(error, self.connector, self._connect_timeout)
        connection = Connection(
            transport,
            self._endpoint.make_codec(),
            clock=self.clock,
            request_timeout=self.request_timeout,
            stats=self.stats,
            on_ready=lambda handshake: self._ready(connection, handshake),
            on_lost=self._lost,
            on_push=self._pushed,
            after_read=self._pump,
        )
        self._running = connection
        assert self._group is not None
        probe = Probe(self.connector, connection, self._started)
        self._group.start_soon(probe.run)
        cause = await connection.run(handshake_by)
        self._running = None
        self._answered = connection.answered
        if self._was_ready_at is None:
            return explain_handshake(cause, self._endpoint, await probe.finish(cause))
        return self.loss(cause, sent=True)

    # ---- what the connection tells

    def _ready(self, connection: Connection, handshake: HandshakeResult) -> None:
        if self._final is not None:
            return  # closed just now: the connection's end is near
        if not self._bind_quotas(handshake):
            return
        self.reconnects += self.handshake is not None
        self.connection = connection
        self.handshake = handshake
        self.state = LinkState.READY
        self._was_ready_at = self.ready_since = self.clock()
        self._absence.end()
        self._started.set()
        self.publisher.publish_made(partial(connected, handshake))
        self._refresh()

    def _bind_quotas(self, handshake: HandshakeResult) -> bool:
        """Bind the quotas to the account. False, and the end, if one cannot count for it."""
        try:
            for scheduler in self._quotas:
                scheduler.bind_account(handshake.login_user_id)
        except QuotaUnavailable as error:
            self._end(error)
            self._scope.cancel()
            return False
        return True

    def _lost(self, cause: Exception) -> None:
        if self.ready_since is None:
            return  # it never was ready: nothing was sent on it
        self.connection = None
        self.ready_since = None
        self.publisher.publish_made(partial(disconnected, reason_of(cause)))
        if not self._reconnect:
            self._end(self.loss(cause, sent=True))
        elif self._final is None:
            self.state = LinkState.RECONNECTING
        self._refresh()

    def _pushed(self, proto_id: int, body: bytes) -> None:
        if proto_id != NOTIFY:
            return  # a push that the user switched on by a request of their own
        try:
            self.publisher.publish_made(partial(notice, body), len(body))
        except ProtocolError as error:
            log.info("a notice of OpenD could not be understood: %s", error)

    def pump_own(self) -> None:
        """Let this gateway's quotas grant what they can."""
        for scheduler in self._quotas:
            scheduler.pump()
        self.unlimited.pump()

    def _pump(self) -> None:
        self.load_falls.count += 1
        self.pump_own()
        if self.after_pump is not None:
            self.after_pump()

    def _refresh(self) -> None:
        self.refresh_all()
        self._pump()

    def _overdue(self, error: ConnectionLost) -> None:
        """End calls that have waited for ``reconnect_timeout``; reconnecting goes on."""
        self.fail_all(error)

    def _end(self, error: AiocapdistError) -> None:
        """End the client: no connection will come. The first error is kept."""
        if self._final is not None:
            return
        self._final = error
        self.connection = None
        self.state = LinkState.CLOSED
        self._started.set()
        # First nothing can be sent any more: listeners may ask for more when they hear of the end.
        run_all([self.refresh_all, self._fail_calls])

    def _fail_calls(self) -> None:
        final = self.final_error(sent=False)
        assert final is not None
        self.fail_all(final)
