"""How far to trust the limit when others spend from the same account. Pure.

OpenD refuses although our own ledger had a token: someone else used it. Going on as
before would only collect refusals, and where refused requests count, nobody would get
anything. So each refusal lowers our own ceiling by one and pauses a little; each period
without one raises it by half. The fall within one period is bounded to half: two equal
clients that meet would otherwise take turns starving each other.
"""

from __future__ import annotations

FALL = 1.0
RISE = 0.5
LOWEST_SHARE = 0.5  # of what the ceiling was when a period's first refusal came
PAUSE = 1 / 30  # of a period


class Ceiling:
    """How many of ``limit`` tokens to have spent at once at the most."""

    def __init__(self, limit: int, period: float) -> None:
        self._limit = limit
        self._period = period
        self._value = float(limit)
        self._lowest = 1.0
        self._fall_ends = float("-inf")
        self._rises_at = float("inf")
        self.paused_until = float("-inf")

    @property
    def value(self) -> int:
        """Whole tokens."""
        return int(self._value)

    def refuse(self, now: float) -> None:
        """OpenD refused a request of ours for frequency."""
        if now >= self._fall_ends:
            self._fall_ends = now + self._period
            self._lowest = max(1.0, self._value * LOWEST_SHARE)
        self._value = max(self._lowest, self._value - FALL)
        self._rises_at = now + self._period
        self.paused_until = now + self._period * PAUSE

    def advance(self, now: float) -> None:
        """Rise for each whole period without a refusal."""
        while now >= self._rises_at and self._value < self._limit:
            self._value = min(float(self._limit), self._value + RISE)
            self._rises_at += self._period

    def next_change(self) -> float:
        """When the ceiling next rises by itself (``inf`` at the limit)."""
        return self._rises_at if self._value < self._limit else float("inf")

    def shift(self, seconds: float) -> None:
        """The clock was replaced by one that runs this far ahead."""
        self._fall_ends += seconds
        self._rises_at += seconds
        self.paused_until += seconds
