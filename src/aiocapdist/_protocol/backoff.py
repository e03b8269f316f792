"""Delays between attempts to connect: full jitter, so that clients do not come all at once."""

from __future__ import annotations

from collections.abc import Callable

FIRST = 0.2  # seconds: a gateway that was merely restarted is found again at once
BASE = 0.5
LONGEST = 30.0
STABLE = 10.0  # seconds: an idle connection that was ready for this long was a good one
AFTER_HANDSHAKE = 2
"""Attempts counted at most after a handshake that succeeded: the next delay is 1 s at most."""


class Backoff:
    """Delays in seconds, longer with each attempt that fails.

    ``jitter(a, b)`` returns a random number between both.
    """

    def __init__(self, jitter: Callable[[float, float], float]) -> None:
        self._jitter = jitter
        self.attempt = 0

    def next(self) -> float:
        """Return the delay before the next attempt."""
        self.attempt += 1
        if self.attempt == 1:
            return self._jitter(0.0, FIRST)
        # The exponent is bounded: after days of failures 2.0 ** attempt would overflow.
        doubling: float = 2.0 ** min(self.attempt - 2, 16)
        return self._jitter(0.0, min(LONGEST, BASE * doubling))

    def connected(self, seconds: float, *, answered: bool) -> None:
        """A connection was lost that was ready for this long.

        One that answered a request was a good one, however short it was.
        """
        good = answered or seconds >= STABLE
        self.attempt = 0 if good else min(self.attempt, AFTER_HANDSHAKE)
