"""The quota of one process: a ledger, a line, and the moment when they meet.

Those of many processes and machines are made of it: they keep their tokens elsewhere.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeAlias

import anyio

from ..._loop import Clock, Ticker
from ...events import QuotaEvent, Throttled, Unthrottled
from .adaptive_limit import AdaptiveLimit
from .fair_queue import FairQueue, Place
from .ledger import Ledger
from .store import GRACE, Store

Watcher: TypeAlias = Callable[[QuotaEvent], None]
"""Told how waiting goes; must return at once."""


class Quota:
    """At most ``limit`` requests in any ``period`` seconds, exactly, for all who share it.

    Give one quota to several clients of one account and event loop, and they share it.
    ``reserve`` tokens are left alone by sweeps, for single calls; ``margin`` is added to
    the period against clocks that run apart. Source: 30 calls of proto 3212 in 30 seconds
    (the vendor's page on this call).

    Raises ValueError for a limit below 1, a period or margin that is not a finite number
    of seconds, or a reserve that leaves sweeps nothing.
    """

    def __init__(
        self, limit: int = 30, period: float = 30.0, *, reserve: int = 0, margin: float = 0.05
    ) -> None:
        _check(limit, period, reserve, margin)
        self.limit = limit
        self.period = period
        self.reserve = reserve
        self.margin = margin
        self.rejections: int = 0
        """How often OpenD refused for frequency all the same (someone else spends too)."""
        self._ledger: Store = Ledger(limit, period, margin)
        self._ceiling = AdaptiveLimit(limit, period)
        self._line = FairQueue()
        self._seen = 0
        self._seen_at = 0.0
        self._pumping = False
        self._looked = False  # since the last grant: there may be tokens that nobody was offered
        self._clock: Clock = time.monotonic
        self._users = 0
        self._watchers: list[Watcher] = []
        self._throttled = False
        self._refused_lately = False
        self._ticker: Ticker | None = None
        self._keeper = anyio.Lock()

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.limit} per {self.period:g} s: "
            f"{self.available} available, {self.waiting} waiting, {self.rejections} rejections>"
        )

    # ---- what users see

    @property
    def available(self) -> int:
        """Requests that could be sent now."""
        now = self._clock()
        self._advance(now)
        if now < self._ceiling.paused_until:
            return 0
        return self._ledger.usable(self._ceiling.value)

    @property
    def waiting(self) -> int:
        """Requests in line; a sweep counts with the one code it holds out next."""
        return self._line.length

    def eta(self, n: int = 1) -> float:
        """Seconds until the ``n``-th further request could go: an estimate.

        It counts those already in line as going first.
        """
        if n < 1:
            raise ValueError(f"n is the number of requests from now, at least 1, not {n}")
        return self._eta(self._line.length + n)

    # ---- what clients do with it

    async def prepare(self) -> None:
        """Make sure that it can be used, before :meth:`attach`. Repeatable.

        Raises QuotaUnavailable where its tokens cannot be reached, or are not of its kind.
        """

    def bind_account(self, login_user_id: int | None) -> None:
        """A client has learnt whose account it uses; None where OpenD does not tell.

        Raises QuotaUnavailable where that is not an account that it can count for.
        """

    def attach(self, clock: Clock, watcher: Watcher) -> None:
        """A client begins to use this quota, on the loop that ``clock`` belongs to.

        ``watcher`` is told when waiting begins, and when it ends.
        """
        if self._users == 0:
            self._change_clock(clock)
            self._ticker = Ticker(clock, self._due, self.pump)
            self._keeper = anyio.Lock()
        self._users += 1
        self._watchers.append(watcher)

    def detach(self, watcher: Watcher) -> None:
        """A client is done with it. What it spent keeps cooling."""
        self._users -= 1
        self._watchers.remove(watcher)
        if self._users == 0:
            # The loop may end now, and trio's clock can only be read within.
            self._change_clock(time.monotonic)

    async def run(self) -> None:
        """Hand out tokens as they come back. Each client runs this; one at a time does it."""
        async with self._keeper:
            assert self._ticker is not None
            await self._ticker.run()

    def join(self, lane: Place) -> None:
        """The lane wants tokens; :meth:`pump` grants them."""
        self._line.join(lane)

    def leave(self, lane: Place) -> None:
        """The lane wants none for now."""
        self._line.leave(lane)
        if not self._line.lanes and not self._pumping:
            self._tell_watchers()  # who gave up waiting is followed by no pump

    def replied(self, at: float) -> None:
        """A request's reply was seen, at this time: those of one read are settled together."""
        if at == self._seen_at:
            self._seen += 1
        else:
            if self._seen:
                self._settle()
            self._seen, self._seen_at = 1, at

    def reject(self) -> bool:
        """A request was refused for frequency: its token waits a period all the same.

        True: the request shall go again.
        """
        now = self._clock()
        self._ledger.settle(1, now, refused=True)
        self._was_refused(now)
        return True

    def lost(self, count: int) -> None:
        """These requests were written, but their connection broke before the reply."""
        self._ledger.settle(count, self._clock(), grace=GRACE)

    def release(self, count: int = 1) -> None:
        """These requests were never written."""
        self._ledger.put_back(count)

    def try_acquire(self, now: float) -> bool:
        """A token for a single call, if nobody waits and one is free: no place in line then."""
        if self._line.lanes or self._pumping:
            return False
        self._advance(now)
        ledger, ceiling = self._ledger, self._ceiling
        if now < ceiling.paused_until or not ledger.usable(ceiling.value):
            return False
        return ledger.take(1, ceiling.value) == 1

    def pump(self) -> None:
        """Grant what can be granted now. Never waits."""
        if self._pumping or not (self._line.lanes or self._throttled):
            return
        self._pumping = True
        try:
            now = self._clock()
            self._advance(now)
            if self._line.lanes and now >= self._ceiling.paused_until:
                self._looked = False
                self._grant(now)
        finally:
            self._pumping = False
        self._tell_watchers()
        if self._line.lanes and self._ticker is not None and (due := self._due()) is not None:
            self._ticker.poke(due)

    def eta_of(self, lane: Place, position: int) -> float:
        """Seconds until the lane's ``position``-th request could go: an estimate."""
        return self._eta(self._line.ahead_of(lane, position) + position)

    # ---- inside

    def _was_refused(self, now: float) -> None:
        """OpenD refused one who spends from here, this program or another."""
        self.rejections += 1
        self._refused_lately = True
        self._ceiling.refuse(now)

    def _tell_watchers(self) -> None:
        """Of each change between waiting and not, and of each refusal while some wait."""
        throttled = bool(self._line.lanes)
        refused, self._refused_lately = self._refused_lately, False
        if throttled is self._throttled and not (throttled and refused):
            return
        self._throttled = throttled
        event: QuotaEvent = Unthrottled()
        if throttled:
            event = Throttled(eta=self._eta(1), waiting=self._line.length, rejected=refused)
        self._tell(event)

    def _tell(self, event: QuotaEvent) -> None:
        for watcher in self._watchers:
            watcher(event)

    def _grant(self, now: float) -> None:
        """Tokens to whose turn it is; all that are free to a lane that waits alone."""
        line, ledger, ceiling = self._line, self._ledger, self._ceiling.value
        while (usable := ledger.usable(ceiling)) > 0:
            spare = ledger.free - self.reserve
            lane = line.next(patient=spare > 0)
            if lane is None:
                return
            alone = len(line.lanes) == 1
            share = min(usable, spare if lane.patient else usable) if alone else 1
            taken = ledger.take(share, ceiling, self.reserve if lane.patient else 0)
            if not taken:
                return  # others were quicker
            used = lane.grant(taken, now)
            if used < taken:
                ledger.put_back(taken - used)
            line.served(lane)

    def _settle(self) -> None:
        """The tokens of the replies seen begin to cool."""
        if self._seen:
            self._ledger.settle(self._seen, self._seen_at)
            self._seen = 0

    def _advance(self, now: float) -> None:
        """Settle what was seen, and free what has cooled."""
        if self._seen:
            self._ledger.settle(self._seen, self._seen_at)
            self._seen = 0
        if self._ledger.next_back <= now:
            self._ledger.advance(now)
            self._looked = True
        if self._ceiling.next_change <= now:
            self._ceiling.advance(now)
            self._looked = True

    def _due(self) -> float | None:
        if not self._line.lanes:
            return None
        ledger, ceiling = self._ledger, self._ceiling
        if self._clock() < ceiling.paused_until:
            return ceiling.paused_until
        if self._looked:
            return -math.inf
        due = ledger.next_back
        if ledger.free:
            due = min(due, ceiling.next_change)
        return due if due < math.inf else None

    def _eta(self, n: int) -> float:
        now = self._clock()
        self._advance(now)
        pause = max(0.0, self._ceiling.paused_until - now)
        return max(pause, self._ledger.eta(n, now, self._ceiling.value))

    def _change_clock(self, clock: Clock) -> None:
        """Carry what cools over to another loop's clock, which may count from elsewhere."""
        self._settle()
        ahead = clock() - self._clock()
        self._ledger.shift(ahead)
        self._ceiling.shift(ahead)
        self._clock = clock


def _check(limit: int, period: float, reserve: int, margin: float) -> None:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit must be a whole number of requests, at least 1, not {limit!r}")
    if not (_is_number(period) and period > 0):
        raise ValueError(f"period must be a positive number of seconds, not {period!r}")
    if not (_is_number(margin) and margin >= 0):
        raise ValueError(f"margin must be a number of seconds, 0 or more, not {margin!r}")
    if not (isinstance(reserve, int) and 0 <= reserve < limit):
        raise ValueError(f"reserve must lie between 0 and limit - 1, not {reserve!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def scheduler_of(quota: Quota) -> Quota:
    return quota
