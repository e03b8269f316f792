"""Keeps a holder's leases and the server's book in step: one exchange after the other."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from math import inf
from typing import Protocol

import anyio
import anyio.lowlevel

from ..._loop import Clock
from ..._protocol.backoff import Backoff
from ...errors import QuotaUnavailable
from ...events import QuotaDegraded, QuotaEvent, QuotaRestored
from .errand import Answer, Errand, Terms, Wish
from .leases import Leases
from .server import RedisServer

log = logging.getLogger("aiocapdist")

JITTER = 1 / 1000  # of a period, added to each wait: who waits for the same moment asks in turn
COLD = "what was spent of late is not known there: it is new, or was started anew"


class Owner(Protocol):
    """The quota, as far as exchanges concern it."""

    def _wish(self) -> Wish:
        """What is wanted now."""
        ...

    def _heard(self, refusals: int) -> None:
        """An exchange succeeded; others had so many refusals since the last."""
        ...

    def _tell(self, event: QuotaEvent) -> None:
        """Let users know."""
        ...

    def pump(self) -> None:
        """Tokens, or the time when there may be some, have changed."""
        ...

    def _is_over(self) -> bool:
        """Whether its last user goes."""
        ...


class Borrower:
    """Exchanges as soon as there is something to tell or to ask, never without.

    ``key`` says where the book is; nothing happens while it is None. Raises as RedisServer.
    """

    def __init__(
        self,
        new_server: Callable[[], RedisServer],
        terms: Terms,
        fallback: int,
        owner: Owner,
    ) -> None:
        self.key: str | None = None
        self.where: str = new_server().where
        self.leases = Leases(terms, fallback, self.poke)
        self._new_server = new_server
        self._terms = terms
        self._fallback = fallback
        self._owner = owner
        self._poked = anyio.Event()
        self._trouble: str | None = None  # what users were told last
        self._refusals: int | None = None
        self._begin()

    def _begin(self) -> None:
        self._heard = False
        self._asking = False
        self._ask_at = -inf
        self._cold_until = inf
        self._backoff: Backoff | None = None  # while the server is away
        self._retry_at = -inf

    def poke(self) -> None:
        """Something changed."""
        self._poked.set()

    async def visit(self, clock: Clock) -> None:
        """See once how things stand, over a connection of its own."""
        server = self._new_server()
        try:
            if self.key is None:
                await server.ask("PING")
                return
            look = Errand(clock(), holder="")
            answer = await server.exchange(self.key, look.written(self._terms))
            self.leases.succeeded(look, Answer.read(answer), clock())
        finally:
            await server.close()

    async def run(self, clock: Clock) -> None:
        """Until cancelled: then, unless others go on, the last is told and no answer awaited."""
        server = self._new_server()
        self._begin()
        try:
            while True:
                await self._until_due(clock)
                await self._exchange(server, clock)
        finally:
            if self.key is not None and self._owner._is_over():
                errand = self.leases.last_errand(clock())
                await server.leave(self.key, errand.written(self._terms))
            await server.close()

    # ---- when

    async def _until_due(self, clock: Clock) -> None:
        await anyio.lowlevel.checkpoint()  # what comes at the same time goes together
        while True:
            self._poked = anyio.Event()
            due = self._due()
            if due <= clock():
                return
            with anyio.CancelScope(deadline=due):
                await self._poked.wait()

    def _due(self) -> float:
        if self.key is None:
            return inf
        if self._backoff is not None:
            return self._retry_at
        wanted = self._owner._wish().total > 0
        if not self._heard or self.leases.has_news or (self._asking and not wanted):
            return -inf
        due = min(self.leases.renew_at, self._cold_until)
        return min(due, self._ask_at) if wanted else due

    # ---- what

    async def _exchange(self, server: RedisServer, clock: Clock) -> None:
        assert self.key is not None
        wish = Wish() if self._backoff is not None else self._owner._wish()
        errand = self.leases.errand(clock(), wish)
        try:
            raw = await server.exchange(self.key, errand.written(self._terms))
        except QuotaUnavailable as error:
            self.leases.failed(errand)
            self._lost(error, clock())
        except BaseException:
            self.leases.failed(errand)
            raise
        else:
            self._answered(errand, Answer.read(raw), clock())

    def _answered(self, errand: Errand, answer: Answer, now: float) -> None:
        self._heard = True
        self._backoff = None
        self._asking = answer.granted < errand.wish.total
        jitter = random.uniform(0.0, JITTER * self._terms.period)  # noqa: S311
        self._ask_at = now + answer.wait + jitter if self._asking else -inf
        self._cold_until = now + answer.cold if answer.cold else inf
        self.leases.succeeded(errand, answer, now)
        self._found(answer.cold)
        self._owner._heard(self._refusals_of_others(errand, answer))

    def _refusals_of_others(self, errand: Errand, answer: Answer) -> int:
        known, self._refusals = self._refusals, answer.refusals
        if known is None:
            return 0  # they were before our time
        mine = sum(lease.refused for lease in errand.settled)
        return max(0, answer.refusals - known - mine)

    # ---- what users are told

    def _lost(self, error: QuotaUnavailable, now: float) -> None:
        if self._backoff is None:
            self._backoff = Backoff(random.uniform)
            self.leases.lose_sight(now)
            log.warning("%s", error)
            self._trouble = "away"
            self._owner._tell(QuotaDegraded(reason=error.reason, fallback=self._fallback))
            self._owner.pump()  # what may be used alone has a time from which on
        self._retry_at = now + min(self._backoff.next(), self._terms.lease / 2)

    def _found(self, cold: float) -> None:
        before, self._trouble = self._trouble, "cold" if cold else None
        if self._trouble == before:
            return
        if cold:
            log.warning("the quota at %s grants nothing for %.1f s: %s", self.where, cold, COLD)
            self._owner._tell(QuotaDegraded(reason=COLD, fallback=0))
        else:
            log.info("the quota at %s grants tokens again", self.where)
            self._owner._tell(QuotaRestored())
