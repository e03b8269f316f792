"""The quota of one process: a ledger, a line, and the moment when they meet."""

from __future__ import annotations

import math
import time

import anyio

from .._loop import Clock, Ticker
from .ceiling import Ceiling
from .ledger import Ledger
from .line import Lane, Line

GRACE_AFTER_LOSS = 1.0
"""Seconds that OpenD may still take in what was sent before the connection broke."""


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
        self.refused = 0
        """How often OpenD refused for frequency all the same (someone else spends too)."""
        self._ledger = Ledger(limit, period, margin)
        self._ceiling = Ceiling(limit, period)
        self._line = Line()
        self._replied = 0
        self._pumping = False
        self._clock: Clock = time.monotonic
        self._clock_read = (self._clock(), time.monotonic())
        self._users = 0
        self._ticker: Ticker | None = None
        self._keeper = anyio.Lock()

    def __repr__(self) -> str:
        return (
            f"<Quota {self.limit} per {self.period:g} s: {self.available} available, "
            f"{self.waiting} waiting, {self.refused} refused>"
        )

    # ---- what users see

    @property
    def available(self) -> int:
        """Requests that could be sent now."""
        self._advance()
        return max(0, min(self._ledger.free, self._ceiling.value - self._ledger.spent))

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

    def attach(self, clock: Clock) -> None:
        """A client begins to use this quota, on the loop that ``clock`` belongs to."""
        if self._users == 0:
            self._change_clock(clock)
            self._ticker = Ticker(clock, self._due, self.pump)
            self._keeper = anyio.Lock()
        self._users += 1

    def detach(self) -> None:
        """A client is done with it. What it spent keeps cooling."""
        self._users -= 1

    async def keep_time(self) -> None:
        """Hand out tokens as they come back. Each client runs this; one at a time does it."""
        async with self._keeper:
            assert self._ticker is not None
            await self._ticker.run()

    def join(self, lane: Lane) -> None:
        """The lane wants tokens; :meth:`pump` grants them."""
        self._line.join(lane)

    def leave(self, lane: Lane) -> None:
        """The lane wants none for now."""
        self._line.leave(lane)

    def replied(self) -> None:
        """A request's reply was seen. :meth:`pump` stamps all of one read at once."""
        self._replied += 1

    def refuse(self) -> bool:
        """A request was refused for frequency: its token waits a period all the same.

        True: the request shall go again.
        """
        self.refused += 1
        now = self._clock()
        self._ledger.settle(1, now, refused=True)
        self._ceiling.refuse(now)
        return True

    def lost(self, count: int) -> None:
        """These requests were written, but their connection broke before the reply."""
        self._ledger.settle(count, self._clock(), grace=GRACE_AFTER_LOSS)

    def unsent(self, count: int = 1) -> None:
        """These requests were never written."""
        self._ledger.put_back(count)

    def pump(self) -> None:
        """Grant what can be granted now. Never waits."""
        if self._pumping:
            return
        self._pumping = True
        try:
            self._settle()
            while (lane := self._next_lane()) is not None:
                self._ledger.take()
                if not lane.grant():
                    self._ledger.put_back()
                self._line.served(lane)
        finally:
            self._pumping = False
        if self._line and self._ticker is not None and (due := self._due()) is not None:
            self._ticker.poke(due)

    def eta_in(self, lane: Lane, position: int) -> float:
        """Seconds until the lane's ``position``-th request could go: an estimate."""
        return self._eta(self._line.ahead_of(lane, position) + position)

    # ---- inside

    def _settle(self) -> None:
        self._advance()
        if self._replied:
            self._ledger.settle(self._replied, self._clock())
            self._replied = 0

    def _advance(self) -> None:
        now = self._clock()
        self._clock_read = (now, time.monotonic())
        self._ledger.advance(now)
        self._ceiling.advance(now)

    def _next_lane(self) -> Lane | None:
        ledger = self._ledger
        if not ledger.free or ledger.spent >= self._ceiling.value:
            return None
        if self._clock() < self._ceiling.paused_until:
            return None
        return self._line.next(patient=ledger.free > self.reserve)

    def _due(self) -> float | None:
        if not self._line:
            return None
        ledger, ceiling = self._ledger, self._ceiling
        if self._clock() < ceiling.paused_until:
            return ceiling.paused_until
        back = ledger.next_back()
        due = math.inf if back is None else back
        if ledger.free:
            due = min(due, ceiling.next_change())
        return due if due < math.inf else None

    def _eta(self, n: int) -> float:
        self._advance()
        now = self._clock()
        pause = max(0.0, self._ceiling.paused_until - now)
        return max(pause, self._ledger.eta(n, now, self._ceiling.value))

    def _change_clock(self, clock: Clock) -> None:
        """Carry what cools over to another loop's clock, which may count from elsewhere."""
        last_read, monotonic_then = self._clock_read
        elapsed = time.monotonic() - monotonic_then
        ahead = clock() - (last_read + elapsed)
        self._ledger.shift(ahead)
        self._ceiling.shift(ahead)
        self._clock = clock


def _check(limit: int, period: float, reserve: int, margin: float) -> None:
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit must be a whole number of requests, at least 1, not {limit!r}")
    if not (math.isfinite(period) and period > 0):
        raise ValueError(f"period must be a positive number of seconds, not {period!r}")
    if not (math.isfinite(margin) and margin >= 0):
        raise ValueError(f"margin must be a number of seconds, 0 or more, not {margin!r}")
    if not 0 <= reserve < limit:
        raise ValueError(f"reserve must lie between 0 and limit - 1, not {reserve!r}")
