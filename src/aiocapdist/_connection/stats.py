"""Counters of a client's traffic, for ``client.status``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..models import RoundTrip

KEPT = 512
"""Number of round trips kept for the quantiles."""


class LoadFalls:
    """Counts what may let a gateway of a client have fewer requests in flight.

    These are reads, timeouts, losses and cancellations at any of them. Until the next one, loads
    only rise.
    """

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count: int = 0


class ConnectionStats:
    """Counts requests and late replies, and keeps the last round trips."""

    def __init__(self) -> None:
        self.calls = 0
        self.late_replies = 0
        self._seconds: deque[float] = deque(maxlen=KEPT)
        self.replied: Callable[[float], None]
        """Called with its duration for every reply; observers may put a function in its place."""
        self.reset_replied()

    def reset_replied(self) -> None:
        """Keep durations, and nothing else."""
        self.replied = self._seconds.append  # bound directly, since it is called so often

    def round_trip(self) -> RoundTrip | None:
        """Return quantiles of the last round trips, or None before the first."""
        ordered = sorted(self._seconds)
        if not ordered:
            return None
        from ..models import RoundTrip

        last = len(ordered) - 1
        median, p90, p99 = (ordered[round(last * share)] for share in (0.5, 0.9, 0.99))
        # Valid as it is: validating would first build a schema.
        return RoundTrip.model_construct(median=median, p90=p90, p99=p99, largest=ordered[-1])
