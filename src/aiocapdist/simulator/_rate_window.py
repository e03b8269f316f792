"""OpenD's own counting: at most so many in any closed window. Pure."""

from __future__ import annotations

from collections import deque


class Window:
    """Counts requests in a sliding window whose both ends belong to it.

    "At most 30 in any 30 seconds" is meant strictly: a request exactly 30 s after the
    first of 30 others is one too many. With ``count_refused``, refusals count as well.
    """

    def __init__(self, limit: int, period: float, *, count_refused: bool = False) -> None:
        self.limit = limit
        self.period = period
        self.largest = 0
        """The most that were accepted in any closed window so far."""
        self._count_refused = count_refused
        self._counted: deque[float] = deque()
        self._accepted: deque[float] = deque()

    def accept(self, now: float) -> bool:
        """Whether a request at ``now`` passes. Times must not fall."""
        self._prune(self._counted, now)
        passes = len(self._counted) < self.limit
        if passes or self._count_refused:
            self._counted.append(now)
        if passes:
            self._prune(self._accepted, now)
            self._accepted.append(now)
            self.largest = max(self.largest, len(self._accepted))
        return passes

    def _prune(self, times: deque[float], now: float) -> None:
        while times and times[0] < now - self.period:
            times.popleft()
