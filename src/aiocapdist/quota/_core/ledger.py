"""Who spent when, and when the next token is free. Pure: times come in as arguments.

A token belongs to a request. It is taken before the request is written and comes back
``period + margin`` after the request's reply was seen, never earlier: OpenD counts a
request at some moment between those two, so 31 requests counted within one window would
need 31 tokens at the moment of the last count, and only 30 exist.

At all times ``free + held + cooling == limit``.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from math import inf

from .store import estimate


class Ledger:
    """``limit`` tokens, each free, held by a request, or cooling until a known time."""

    def __init__(self, limit: int, period: float, margin: float) -> None:
        self.limit = limit
        self.period = period
        self.margin = margin
        self.free: int = limit
        self.held: int = 0
        self.cooling: int = 0
        # Of those cooling, the ones whose requests OpenD refused: it did not count them.
        self.cooling_refused: int = 0
        # (back at, how many, refused): one row per settling, the next to be free first.
        self._rows: deque[tuple[float, int, bool]] = deque()
        self.next_back: float = inf
        """When the next cooling token is free; ``inf`` while none cools."""

    def usable(self, ceiling: int) -> int:
        """Tokens that are free, as far as ``ceiling`` allows to have spent at once."""
        free = self.free
        room = ceiling - self.limit + free + self.cooling_refused
        return free if free <= room else max(0, room)

    @property
    def spent(self) -> int:
        """Tokens whose requests OpenD may have counted in the last period."""
        return self.held + self.cooling - self.cooling_refused

    def take(self, count: int = 1, ceiling: int | None = None, leave: int = 0) -> int:
        """So many requests are about to be written. Nobody else takes: all that were seen to be
        usable are so still."""
        assert self.free >= count + leave
        self.free -= count
        self.held += count
        return count

    def put_back(self, count: int = 1) -> None:
        """These tokens' requests were never written: free again at once."""
        assert self.held >= count
        self.held -= count
        self.free += count

    def settle(self, count: int, now: float, *, grace: float = 0.0, refused: bool = False) -> None:
        """These tokens' requests can have been counted until ``now`` plus ``grace``."""
        assert self.held >= count
        self.held -= count
        self.cooling += count
        if refused:
            self.cooling_refused += count
        back_at = now + grace + self.period + self.margin
        rows = self._rows
        if rows and back_at < rows[-1][0]:  # seldom: the last has a grace
            insort(rows, (back_at, count, refused))
        else:
            rows.append((back_at, count, refused))
        self.next_back = rows[0][0]

    def advance(self, now: float) -> None:
        """Free what has cooled by ``now``."""
        rows = self._rows
        while rows and rows[0][0] <= now:
            _, count, refused = rows.popleft()
            self.cooling -= count
            self.free += count
            if refused:
                self.cooling_refused -= count
        self.next_back = rows[0][0] if rows else inf

    def eta(self, n: int, now: float, ceiling: int) -> float:
        """Seconds until the ``n``-th grant from now, if ``ceiling`` tokens are used at a time.

        An estimate: tokens now held are taken to be answered at once.
        """
        span = self.period + self.margin
        counted = [now] * self.free + [now + span] * self.held
        refused: list[float] = []
        for back, count, was_refused in self._rows:
            (refused if was_refused else counted).extend([back] * count)
        return estimate(n, now, ceiling=ceiling, span=span, counted=counted, refused=refused)

    def shift(self, seconds: float) -> None:
        """The clock that ``now`` is read from was replaced by one that runs this far ahead."""
        self._rows = deque((back + seconds, count, refused) for back, count, refused in self._rows)
        self.next_back += seconds
