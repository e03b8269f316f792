"""How long to wait before connecting again: full jitter, so that clients do not stampede."""

from __future__ import annotations

from collections.abc import Callable

FIRST = 0.2  # seconds: a gateway that merely restarted is found again at once
BASE = 0.5
CEILING = 30.0
STOOD = 10.0  # a connection that lived this long was a good one: begin anew


class Backoff:
    """Delays in seconds for one run of failures. ``jitter(a, b)`` draws from between."""

    def __init__(self, jitter: Callable[[float, float], float]) -> None:
        self._jitter = jitter
        self.attempt = 0

    def next(self) -> float:
        """The delay before the next attempt."""
        self.attempt += 1
        if self.attempt == 1:
            return self._jitter(0.0, FIRST)
        # The exponent is bounded: after days of failures 2.0 ** attempt would overflow.
        doubling: float = 2.0 ** min(self.attempt - 2, 16)
        return self._jitter(0.0, min(CEILING, BASE * doubling))

    def lived(self, seconds: float) -> None:
        """A connection came about and lived this long."""
        if seconds >= STOOD:
            self.attempt = 0
