"""How far to trust the limit when others spend from the same account. Pure.

OpenD rejects a request although our own ledger had a token: someone else used it. Going on as
before would only collect rejections, and where rejected requests count, nobody would get
anything. So each rejection lowers our own limit by a share of itself and pauses for a moment;
each period without one raises it by half a token. With this additive increase and
multiplicative decrease, clients that share an account approach equal parts of it: of two the
larger gives way to the smaller. The fall within one period is bounded to half: two equal
clients that meet would otherwise take turns starving each other.

If the other client stays, two more rules apply. The last step back to where a rejection
came is taken later than the others: rejections are rare then. And pauses grow while rejections
follow each other: two clients that try again each second where rejections count fill the
window with them, and neither is ever answered.
"""

from __future__ import annotations

import copy
from math import inf

FALL = 1 / 8  # of the limit
RISE = 0.5
LOWEST_SHARE = 0.5  # of the limit at the time of a period's first rejection
PAUSE = 1 / 60  # of a period; twice the last one if the next rejection comes within a period
# Of a period. Where rejections do not count, trying is what wins a token: at another moment of
# the period each time, hence no half, third or quarter.
LONGEST_PAUSE = 0.3
HESITATION = 3  # periods before the step back to where a rejection came


class AdaptiveLimit:
    """Number of tokens to have spent at once at most: ``limit``, lowered by rejections."""

    def __init__(self, limit: int, period: float) -> None:
        self._limit = limit
        self._period = period
        self._exact = float(limit)
        self.value: int = limit
        """Whole tokens."""
        self._lowest = 1.0
        self._fall_ends = float("-inf")
        self._rises_at = inf
        self.next_change: float = inf
        """When :meth:`advance` next raises it; ``inf`` at the limit."""
        self.paused_until: float = float("-inf")
        """Until when nothing is to be sent."""
        self._pause = 0.0
        self._rejected_under = inf  # the value under which a period's first rejection came

    def reject(self, now: float) -> None:
        """Lower the limit: OpenD rejected a request for frequency."""
        if now >= self._fall_ends:
            self._fall_ends = now + self._period
            self._lowest = max(1.0, self._exact * LOWEST_SHARE)
            self._rejected_under = self.value
        self._set(max(self._lowest, self._exact * (1 - FALL)), now)
        if now >= self.paused_until:  # else it was sent before, together with the first
            again = now < self.paused_until + self._period
            pause = 2 * self._pause if again else self._period * PAUSE
            self._pause = min(pause, self._period * LONGEST_PAUSE)
        self.paused_until = now + self._pause

    def advance(self, now: float) -> None:
        """Raise the limit for each whole period without a rejection."""
        while now >= self._rises_at and self._exact < self._limit:
            self._set(min(float(self._limit), self._exact + RISE), self._rises_at)

    def value_at(self, now: float) -> int:
        """Return what ``value`` is once :meth:`advance` was called, and change nothing."""
        if now < self.next_change:
            return self.value
        later = copy.copy(self)
        later.advance(now)
        return later.value

    def _set(self, exact: float, since: float) -> None:
        self._exact = exact
        self.value = int(exact)
        hesitates = exact < self._rejected_under <= exact + RISE
        self._rises_at = since + self._period * (HESITATION if hesitates else 1)
        self.next_change = self._rises_at if exact < self._limit else inf

    def shift(self, seconds: float) -> None:
        """Move all times: the clock was replaced by one that is this far ahead."""
        self._fall_ends += seconds
        self._rises_at += seconds
        self.next_change += seconds
        self.paused_until += seconds
