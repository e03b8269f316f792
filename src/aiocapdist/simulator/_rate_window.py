"""OpenD's rate limit: a sliding window over accepted requests. Pure."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from typing import Literal


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

    def accept(self, now: float, counted_at: float | None = None) -> bool:
        """True if a request at ``now`` is within the limit. Times must not decrease.

        It counts until a period after ``counted_at``, which may be later than ``now``.
        """
        self._drop_expired(self._counted, now)
        accepted = len(self._counted) < self.limit
        if accepted or self._count_refused:
            _insert(self._counted, now if counted_at is None else counted_at)
        if accepted:
            self._drop_expired(self._accepted, now)
            self._accepted.append(now)
            self.largest = max(self.largest, len(self._accepted))
        return accepted

    def _drop_expired(self, times: deque[float], now: float) -> None:
        while times and times[0] < now - self.period:
            times.popleft()


class RateWindows:
    """The windows of one call: one for all connections, or one for each.

    ``quota`` is (limit, period in seconds); None sets no limit.
    """

    def __init__(
        self, quota: tuple[int, float] | None, *, count_refused: bool, per_connection: bool
    ) -> None:
        self.quota = quota
        self._per_connection = per_connection
        self._new: Callable[[], RateWindow] | None = None
        if quota is not None:
            self._new = lambda: RateWindow(*quota, count_refused=count_refused)
        self._windows: dict[int, RateWindow] = {}

    @property
    def largest(self) -> int:
        """Largest number of requests accepted in any closed window so far."""
        return max((window.largest for window in self._windows.values()), default=0)

    def of(self, connection: int) -> RateWindow | None:
        """Return the window in which a connection's requests count; None if nothing does."""
        if self._new is None:
            return None
        key = connection if self._per_connection else 0
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = self._new()
        return window


class Limits(dict[Literal["distribution", "flow"], RateWindows]):
    """The windows of each call that OpenD limits."""

    def __init__(
        self, quota: tuple[int, float] | None, *, count_refused: bool, per_connection: bool
    ) -> None:
        for call in ("distribution", "flow"):
            self[call] = RateWindows(
                quota, count_refused=count_refused, per_connection=per_connection
            )


def _insert(times: deque[float], time: float) -> None:
    if not times or time >= times[-1]:
        times.append(time)
    else:
        insort(times, time)
