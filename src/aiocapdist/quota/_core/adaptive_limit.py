"""How far to trust the limit when others spend from the same account. Pure.

OpenD refuses although our own ledger had a token: someone else used it. Going on as
before would only collect refusals, and where refused requests count, nobody would get
anything. So each refusal lowers our own ceiling by one and pauses a little; each period
without one raises it by half. The fall within one period is bounded to half: two equal
clients that meet would otherwise take turns starving each other.

Where the neighbour stays, three more things count. The last step back to where a refusal
came is taken later than the others: refusals are rare then. If one comes there again, the
ceiling falls by a share of itself, so that of two clients the larger gives way to the
smaller. And pauses grow while refusals come again: two clients that try again each second
where refusals count fill the window with them, and neither is ever answered.
"""

from __future__ import annotations

from math import inf

FALL = 1.0
FALL_AGAIN = 1 / 8  # of the ceiling, where the latest refusals came under the same one
RISE = 0.5
LOWEST_SHARE = 0.5  # of what the ceiling was when a period's first refusal came
PAUSE = 1 / 30  # of a period; twice the last one, if the next refusal comes within a period
LONGEST_PAUSE = 1 / 4  # where refusals do not count, one has to try to get a foot in
HESITATION = 3  # periods before the step back to where a refusal came


class AdaptiveLimit:
    """How many of ``limit`` tokens to have spent at once at the most."""

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
        """When it next rises by itself; ``inf`` at the limit."""
        self.paused_until: float = float("-inf")
        self._pause = 0.0
        self._refused_under = inf  # the ceiling under which the latest refusals came

    def refuse(self, now: float) -> None:
        """OpenD refused a request of ours for frequency."""
        fall = FALL
        if now >= self._fall_ends:
            self._fall_ends = now + self._period
            self._lowest = max(1.0, self._exact * LOWEST_SHARE)
            if self.value == self._refused_under:
                fall = max(FALL, self._exact * FALL_AGAIN)
            self._refused_under = self.value
        self._set(max(self._lowest, self._exact - fall), now)
        if now >= self.paused_until:  # else it was sent before, together with the first
            again = now < self.paused_until + self._period
            pause = 2 * self._pause if again else self._period * PAUSE
            self._pause = min(pause, self._period * LONGEST_PAUSE)
        self.paused_until = now + self._pause

    def advance(self, now: float) -> None:
        """Rise for each whole period without a refusal."""
        while now >= self._rises_at and self._exact < self._limit:
            self._set(min(float(self._limit), self._exact + RISE), self._rises_at)

    def _set(self, exact: float, since: float) -> None:
        self._exact = exact
        self.value = int(exact)
        hesitates = exact < self._refused_under <= exact + RISE
        self._rises_at = since + self._period * (HESITATION if hesitates else 1)
        self.next_change = self._rises_at if exact < self._limit else inf

    def shift(self, seconds: float) -> None:
        """The clock was replaced by one that runs this far ahead."""
        self._fall_ends += seconds
        self._rises_at += seconds
        self.next_change += seconds
        self.paused_until += seconds
