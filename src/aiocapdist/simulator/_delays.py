"""How long requests and replies are under way."""

from __future__ import annotations

import random

from .assumptions import Assumptions


class Delays:
    """Draws the latency of a request. ``latency`` is in seconds, or the least and the most."""

    def __init__(
        self,
        latency: float | tuple[float, float],
        assumptions: Assumptions,
        source: random.Random,
    ) -> None:
        self._low, self._high = latency if isinstance(latency, tuple) else (latency, latency)
        self._counted_underway = assumptions.counted == "underway"
        self._source = source

    def __call__(self) -> tuple[float, float]:
        """Return the seconds to the gateway and back, which add up to the latency."""
        if self._high == 0.0:
            return 0.0, 0.0
        latency = self._source.uniform(self._low, self._high)
        there = latency * self._source.random() if self._counted_underway else 0.0
        return there, latency - there
