"""The store of tokens that a Redis server lends: keeps the leases and its book in step."""

from __future__ import annotations

import logging
import os
import platform
import random
import secrets
from collections.abc import Callable
from math import inf

import anyio
import anyio.lowlevel

from ..._loop import on_asyncio
from ..._protocol.backoff import Backoff
from ..._task_group import create_task_group
from ...errors import QuotaUnavailable
from ...events import QuotaDegraded
from .._core.quota import CAPITAL_DISTRIBUTION
from .._core.store import Demand, KeepTime
from .connection import RedisConnection
from .exchange import Grant, Report, Terms, TokenRequest
from .leases import Leases

log = logging.getLogger("aiocapdist")

JITTER = 1 / 1000  # of a period, added to each wait: those that wait together ask one by one
COLD = "recent use is not known there: the key is new, or the server was restarted"


class RedisStore(Leases):
    """Exchanges with the server whenever there is something to report or to ask for.

    ``key`` names the book, None until :meth:`bind_account`; nothing happens before. Raises as
    RedisConnection does.
    """

    def __init__(
        self,
        new_connection: Callable[[], RedisConnection],
        key: str | None,
        call: str,
        terms: Terms,
        fallback: int,
        assume_idle: bool = False,
    ) -> None:
        super().__init__(terms, fallback, self.poke)
        self._assume_idle = assume_idle  # until the server was heard once
        self.where: str = new_connection().where
        self.key: str | None = key
        if key is not None and call != CAPITAL_DISTRIBUTION:
            self.key = f"{key}:{call}"
        self._call = call
        self._key_is_given = key is not None
        self._new_connection = new_connection
        self._connection: RedisConnection | None = None
        self._on_change: Callable[[], None] = self.poke
        self._poked = anyio.Event()
        self._demand = Demand()
        self._stride = 1
        self._rejections: int | None = None
        self._fresh_rejections = 0
        self._trouble: str | None = None
        self._begin()

    def _begin(self) -> None:
        self._heard = False
        self._asking = False
        self._ask_at = -inf
        self._cold_until = inf
        self._backoff: Backoff | None = None  # while the server is away
        self._loss: QuotaUnavailable | None = None
        self._retry_at = -inf

    # ---- what the scheduler calls

    @property
    def trouble(self) -> QuotaUnavailable | None:
        return None if self._backoff is None or self._fallback else self._loss

    @property
    def degraded(self) -> QuotaDegraded | None:
        if self._trouble is None:
            return None
        fallback = 0 if self._backoff is None else self._fallback
        return QuotaDegraded.model_construct(reason=self._trouble, fallback=fallback)

    def demand(self, demand: Demand) -> None:
        self._demand = demand
        self.poke()

    def fresh_rejections(self) -> int:
        fresh, self._fresh_rejections = self._fresh_rejections, 0
        return fresh

    async def check(self) -> None:
        if not on_asyncio():
            raise QuotaUnavailable(
                self.where,
                "redis-py speaks to it on asyncio only, and this is trio",
                "run on asyncio, or use FileQuota",
            )
        connection = self._new_connection()
        try:
            if self.key is None:
                await connection.command("PING")
                return
            report = Report(self.clock(), owner="", heard=self.heard, idle=self._assume_idle)
            reply = await connection.exchange(self.key, report.dump(self._terms))
            self.succeeded(report, Grant.load(reply), self.clock())
        finally:
            await connection.close()

    def bind_account(self, login_user_id: int | None) -> None:
        if self._key_is_given:
            return
        if login_user_id is None:
            raise QuotaUnavailable(
                self.where,
                "OpenD did not tell who is logged in, so the quota has no key",
                "give RedisQuota a key, the same for all of the account",
            )
        key = f"aiocapdist:{{{login_user_id}}}:{self._call}"
        if self.key not in {None, key}:
            raise QuotaUnavailable(
                self.where,
                f"it counts for another account: its key is {self.key}",
                "make one RedisQuota for each account",
            )
        self.key = key
        self.poke()

    def open(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        # Another owner for each loop. The machine and process are for people who look.
        self.owner = f"{platform.node()}.{os.getpid()}.{secrets.token_hex(4)}"

    def abandon(self, now: float) -> None:
        super().abandon(now)
        self._connection = None  # it belongs to the event loop that has ended

    def after_fork(self, now: float) -> None:
        super().after_fork(now)
        self._connection = None  # see RedisConnection.after_fork

    async def run(self, keep_time: KeepTime) -> None:
        self._connection = self._new_connection()
        self._begin()
        async with create_task_group() as group:
            group.start_soon(keep_time)
            while True:
                await self._until_due()
                await self._exchange(self._connection)

    async def stop(self, *, last: bool) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if last and self.key is not None:
            report = self.final_report(self.clock())
            await connection.leave(self.key, report.dump(self._terms))
        await connection.close()

    # ---- when to exchange

    def poke(self) -> None:
        """Look again whether an exchange is due: something changed."""
        self._poked.set()

    async def _until_due(self) -> None:
        await anyio.lowlevel.checkpoint()  # what comes at the same time goes together
        while True:
            self._poked = anyio.Event()
            due = self._due()
            if due <= self.clock():
                return
            with anyio.CancelScope(deadline=due):
                await self._poked.wait()

    def _due(self) -> float:
        if self.key is None:
            return inf
        if self._backoff is not None:
            return self._retry_at
        wanted = self._wanted().total > 0
        if not self._heard or self.has_news or (self._asking and not wanted):
            return -inf
        due = min(self.renew_at, self._cold_until)
        return min(due, self._ask_at) if wanted else due

    def _wanted(self) -> TokenRequest:
        """Return what is asked for: for sweeps, which show one code each, twice as much as
        they used last time."""
        eager, patient, ceiling, leave = self._demand
        if patient:
            patient = max(patient, self._stride)
        return TokenRequest(
            eager=min(eager, self.limit),
            total=min(eager + patient, self.limit),
            ceiling=ceiling,
            leave=leave,
        )

    # ---- the exchange

    async def _exchange(self, connection: RedisConnection) -> None:
        assert self.key is not None
        wanted = TokenRequest() if self._backoff is not None else self._wanted()
        report = self.report(self.clock(), wanted)
        try:
            reply = await connection.exchange(self.key, report.dump(self._terms))
        except QuotaUnavailable as error:
            self.failed(report)
            self._server_lost(error, self.clock())
        except BaseException:
            self.failed(report)
            raise
        else:
            self._granted(report, Grant.load(reply), self.clock())

    def _granted(self, report: Report, grant: Grant, now: float) -> None:
        self._heard = True
        self._backoff = None
        self._asking = grant.granted < report.wanted.total
        jitter = random.uniform(0.0, JITTER * self._terms.period)  # noqa: S311
        self._ask_at = now + grant.wait + jitter if self._asking else -inf
        self._cold_until = now + grant.cold if grant.cold else inf
        self.succeeded(report, grant, now)
        self._note_cold(grant.cold)
        self._fresh_rejections += self._others_rejections(report, grant)
        unspent = self.unspent
        self._on_change()
        if unspent:
            self._stride = 1 if self.unspent else min(2 * self._stride, self.limit)

    def _others_rejections(self, report: Report, grant: Grant) -> int:
        """Return how many requests of others were rejected since the last exchange."""
        known, self._rejections = self._rejections, grant.rejections
        if known is None:
            return 0  # they were before our time
        mine = sum(lease.rejected for lease in report.settled)
        return max(0, grant.rejections - known - mine)

    def _server_lost(self, error: QuotaUnavailable, now: float) -> None:
        self._loss = error
        if self._backoff is None:
            self._backoff = Backoff(random.uniform)
            self.lose_server(now)
            log.warning("%s", error)
            self._trouble = error.reason
            self._on_change()  # the fallback may be used from a known time on
        self._retry_at = now + min(self._backoff.next(), self._terms.lease / 2)

    def _note_cold(self, cold: float) -> None:
        """Log that the server grants nothing for ``cold`` seconds, or that it does again."""
        before = self._trouble
        if not cold:
            self._trouble = None
        elif before is None or not before.startswith(COLD):
            self._trouble = f"{COLD}; nothing is granted for {cold:.0f} s"
            log.warning("the quota at %s: %s", self.where, self._trouble)
        if before is not None and self._trouble is None:
            log.info("the quota at %s grants tokens again", self.where)
