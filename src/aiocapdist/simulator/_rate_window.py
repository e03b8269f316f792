"""OpenD's rate limit: a sliding window over accepted requests. Pure."""

from __future__ import annotations

from collections import deque


class RateWindow:
    """Count requests in a sliding window that includes both of its ends.

    "At most 30 in any 30 seconds" is applied strictly: with 30 requests already in the
    window, one that comes exactly 30 s after the first of them is rejected. With
    ``count_refused``, rejected requests count as well.
    """

    def __init__(self, limit: int, period: float, *, count_refused: bool = False) -> None:
        self.limit = limit
        self.period = period
        self.largest = 0
        """Largest number of requests accepted in any closed window so far."""
        self._count_refused = count_refused
        self._counted: deque[float] = deque()
        self._accepted: deque[float] = deque()

    def accept(self, now: float) -> bool:
        """True if a request at ``now`` is within the limit. Times must not decrease."""
        self._drop_expired(self._counted, now)
        accepted = len(self._counted) < self.limit
        if accepted or self._count_refused:
            self._counted.append(now)
        if accepted:
            self._drop_expired(self._accepted, now)
            self._accepted.append(now)
            self.largest = max(self.largest, len(self._accepted))
        return accepted

    def _drop_expired(self, times: deque[float], now: float) -> None:
        while times and times[0] < now - self.period:
            times.popleft()
