"""Gives the tokens of a store to the places that queue for them."""

from __future__ import annotations

import math

from ..._loop import Clock, Ticker
from .adaptive_limit import AdaptiveLimit
from .fair_queue import FairQueue, Place
from .reports import Reports
from .store import GRACE, Demand, Store

UNKNOWN = 128
"""Number of requests that a place may have beyond those it knows of: a sweep looks one ahead."""


class Granter:
    """The queue of a quota, and what became of the requests that were granted a token.

    Each token that was granted ends in one call of :meth:`replied`, :meth:`reject`,
    :meth:`lost` or :meth:`release`. Nothing here waits.
    """

    def __init__(
        self, store: Store, limit: int, period: float, *, reserve: int, margin: float
    ) -> None:
        self.limit = limit
        self.period = period
        self.reserve = reserve
        self.margin = margin
        self.rejections: int = 0
        """Number of requests that OpenD rejected for frequency."""
        self.store = store
        self._shared = store.shared
        self.queue: FairQueue = FairQueue()
        self.ceiling: AdaptiveLimit = AdaptiveLimit(limit, period)
        self.unsettled: int = 0
        """Number of tokens, still held, whose replies were seen at the same moment."""
        self.reports: Reports = Reports()
        self._seen_at = 0.0
        self._pumping = False
        self._clock: Clock = store.clock
        self._ticker: Ticker | None = None
        self._has_orphans = False  # tokens that were held by clients which are gone

    # ---- looking: changes nothing

    @property
    def available(self) -> int:
        """Number of requests that could be sent now."""
        now = self._look()
        if now < self.ceiling.paused_until:
            return 0
        return self.store.available(now, self.ceiling.value_at(now))

    @property
    def waiting(self) -> int:
        """Number of requests that wait for a token."""
        return self.queue.length

    def eta(self, n: int = 1) -> float:
        """Return the seconds until the ``n``-th further request could go, an estimate."""
        return self._eta(self.queue.length + n)

    def eta_of(self, place: Place, position: int) -> float:
        """Return the seconds until the place's ``position``-th request could go (from 1)."""
        return self._eta(self.queue.ahead_of(place, position) + position)

    # ---- the queue

    def join(self, place: Place) -> None:
        """Queue a place, which wants tokens; :meth:`pump` grants them."""
        self.queue.join(place)

    def leave(self, place: Place) -> None:
        """Take a place from the queue: it wants no token for now."""
        self.queue.leave(place)
        if not self.queue.places and not self._pumping:
            self._report()  # no pump follows when callers give up waiting
            if self._shared:
                self.store.demand(Demand())

    def try_acquire(self, now: float) -> bool:
        """Hold a token without queueing, if one is free and no place waits. True if held."""
        if self.queue.places or self._pumping:
            return False
        self._advance(now)
        store, ceiling = self.store, self.ceiling
        if now < ceiling.paused_until:
            return False
        if self._shared and not store.usable(ceiling.value):
            return False  # as far as is known: to acquire, others would have to be asked
        return store.acquire(1, ceiling.value) == 1

    def pump(self) -> None:
        """Grant what can be granted now. Never waits."""
        shared = self._shared
        waiting = self.queue.places or self.reports.throttled
        if not (waiting or shared) or self._pumping:
            return
        self._pumping = True
        try:
            now = self._clock()
            if shared:
                self._settle()  # other processes learn of replies only from us
                if self.store.next_duty <= now:
                    self.store.advance(now)
            if waiting:
                self._advance(now)
                if now >= self.ceiling.paused_until:
                    self._grant(now)
        finally:
            self._pumping = False
        self._report()
        if shared:
            self.store.demand(self._demand())
            self.reports.degraded(self.store.degraded)
        if self._ticker is not None and (due := self.next_due()) is not None:
            self._ticker.poke(due)

    # ---- what became of a request that had a token

    def replied(self, at: float) -> None:
        """Note a reply seen at ``at``: its token begins to expire. Those of one read together."""
        if at == self._seen_at:
            self.unsettled += 1
        else:
            if self.unsettled:
                self._settle()
            self.unsettled, self._seen_at = 1, at

    def reject(self) -> bool:
        """Note a rejection for frequency: its token expires all the same.

        Always True: the request is to be sent again.
        """
        now = self._clock()
        self.store.settle(self._owned(1), now, rejected=True)
        self._was_rejected(now)
        return True

    def lost(self, count: int) -> None:
        """Note requests that were written to a connection that broke before their replies."""
        self.store.settle(self._owned(count), self._clock(), grace=GRACE)

    def release(self, count: int = 1) -> None:
        """Give back tokens whose requests were never written. Their next user needs a pump."""
        self.store.release(self._owned(count))

    # ---- time

    def next_due(self) -> float | None:
        """Return when to call :meth:`pump` next; None if time alone changes nothing."""
        store, ceiling = self.store, self.ceiling
        due = store.next_duty
        if self.queue.places:
            if self._clock() < ceiling.paused_until:
                due = min(due, ceiling.paused_until)
            else:
                due = min(due, store.next_back)
                if store.free:
                    due = min(due, ceiling.next_change)
        return due if due < math.inf else None

    # ---- internals

    def _grant(self, now: float) -> None:
        """Give one token to each place in turn, or all that it can use to a place alone."""
        queue, store, ceiling = self.queue, self.store, self.ceiling.value
        while queue.places and (usable := store.usable(ceiling)) > 0:
            spare = store.free - self.reserve
            place = queue.next(patient=spare > 0)
            if place is None:
                return
            alone = len(queue.places) == 1
            may = min(usable, spare) if place.patient else usable
            share = min(may, place.length + UNKNOWN) if alone else 1
            acquired = store.acquire(share, ceiling, self.reserve if place.patient else 0)
            if not acquired:
                return  # other processes were quicker
            try:
                used = place.grant(acquired, now)
            finally:
                queue.served(place)  # a place that raises must not be the next one forever
            if used < acquired:
                store.release(acquired - used)

    def _demand(self) -> Demand:
        if self._clock() < self.ceiling.paused_until:
            return Demand()
        eager = patient = 0
        for place in self.queue.places:
            if place.patient:
                patient += place.length
            else:
                eager += place.length
        return Demand(eager, patient, self.ceiling.value, self.reserve)

    def _settle(self) -> None:
        """Let the tokens of the replies seen begin to expire."""
        count, self.unsettled = self.unsettled, 0
        if self._has_orphans:
            count = self._owned(count)
        if count:
            self.store.settle(count, self._seen_at)

    def _advance(self, now: float) -> None:
        """Settle what was seen, free what has expired, and learn of others' rejections."""
        store = self.store
        if self.unsettled:
            self._settle()
        if store.next_back <= now:
            store.advance(now)
        if self.ceiling.next_change <= now:
            self.ceiling.advance(now)
        if self._shared:
            for _ in range(min(store.fresh_rejections(), self.limit)):
                self._was_rejected(now)

    def _was_rejected(self, now: float) -> None:
        """Note a rejection of a request that this quota counts, of this process or another."""
        self.rejections += 1
        self.reports.note_rejection()
        self.ceiling.reject(now)

    def _report(self) -> None:
        queue = self.queue
        self.reports.waiting(queue.length, lambda: self._eta(1), throttled=bool(queue.places))

    def _look(self) -> float:
        """Return the time. Replies seen are settled, unless other processes would see that."""
        if not self._shared:
            self._settle()
        return self._clock()

    def _eta(self, n: int) -> float:
        now = self._look()
        pause = max(0.0, self.ceiling.paused_until - now)
        return max(pause, self.store.eta(n, now, self.ceiling.value_at(now)))

    def _owned(self, count: int) -> int:
        """Return how many of ``count`` tokens are held: not those of clients that are gone."""
        return min(count, self.store.mine) if self._has_orphans else count
