"""What a client has carried so far: numbers for ``client.status``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..models import RoundTrip

KEPT = 512
"""The latest round trips, of which quantiles are told."""


class ConnectionStats:
    """Counts requests and replies; keeps the latest round trips."""

    def __init__(self) -> None:
        self.calls = 0
        self.late_replies = 0
        self._seconds: deque[float] = deque(maxlen=KEPT)
        self.replied: Callable[[float], None] = self._seconds.append

    def round_trip(self) -> RoundTrip | None:
        """Quantiles of the latest round trips; None before the first."""
        ordered = sorted(self._seconds)
        if not ordered:
            return None
        last = len(ordered) - 1
        median, p90, p99 = (ordered[round(last * share)] for share in (0.5, 0.9, 0.99))
        return RoundTrip(median=median, p90=p90, p99=p99, largest=ordered[-1])
