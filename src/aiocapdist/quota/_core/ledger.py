"""Tokens of one process, and when each is free again. Pure: times come in as arguments.

A token belongs to a request. It is acquired before the request is written and is free again
``period + margin`` after the request's reply was seen, never earlier: OpenD counts a
request at some moment between those two, so 31 requests counted within one window would
need 31 tokens at the moment of the last count, and only 30 exist.

At all times ``free + held + expiring == limit``.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from heapq import merge
from itertools import takewhile
from math import inf

from .store import GRACE, BaseStore, Row, estimate


class Ledger(BaseStore):
    """``limit`` tokens, each free, held by a request, or expiring until a known time."""

    def __init__(self, limit: int, period: float, margin: float) -> None:
        super().__init__()
        self.limit = limit
        self.period = period
        self.margin = margin
        self.free: int = limit
        self.held: int = 0
        self.expiring: int = 0
        # Of those expiring, the ones whose requests OpenD rejected: it did not count them.
        self.expiring_rejected: int = 0
        # One row for each settling, the next to be free first.
        self._rows: deque[Row] = deque()
        self.next_back: float = inf
        """When the next expiring token is free; ``inf`` while none expires."""

    def usable(self, ceiling: int) -> int:
        """Return the number of free tokens that a limit of ``ceiling`` allows to use."""
        free = self.free
        room = ceiling - self.limit + free + self.expiring_rejected
        return free if free <= room else max(0, room)

    def acquire(self, count: int = 1, ceiling: int | None = None, leave: int = 0) -> int:
        """Hold up to ``count`` usable tokens while ``leave`` stay free. Return how many."""
        spare = self.free - leave
        if ceiling is not None and ceiling != self.limit:
            spare = min(spare, self.usable(ceiling))
        if count > spare:
            count = max(0, spare)
        self.free -= count
        self.held += count
        return count

    def release(self, count: int = 1) -> None:
        """Free held tokens at once: their requests were never written."""
        assert self.held >= count
        self.held -= count
        self.free += count

    def settle(self, count: int, now: float, *, grace: float = 0.0, rejected: bool = False) -> None:
        """Let held tokens expire: OpenD counted their requests by ``now + grace``, if at all."""
        assert self.held >= count
        self.held -= count
        self.expiring += count
        if rejected:
            self.expiring_rejected += count
        back_at = now + grace + self.period + self.margin
        rows = self._rows
        if not rows:
            self.next_back = back_at
        elif back_at < rows[-1][0]:  # rare: the last one has a grace
            insort(rows, (back_at, count, rejected))
            self.next_back = rows[0][0]
            return
        rows.append((back_at, count, rejected))

    def advance(self, now: float) -> None:
        """Free what has expired by ``now``."""
        rows = self._rows
        while rows and rows[0][0] <= now:
            _, count, rejected = rows.popleft()
            self.expiring -= count
            self.free += count
            if rejected:
                self.expiring_rejected -= count
        self.next_back = rows[0][0] if rows else inf

    def available(self, now: float, ceiling: int) -> int:
        """Return what :meth:`usable` would return after :meth:`advance`."""
        expired = list(takewhile(lambda row: row[0] <= now, self._rows))
        free = self.free + sum(count for _, count, _ in expired)
        still_rejected = self.expiring_rejected - sum(row[1] for row in expired if row[2])
        return max(0, min(free, ceiling - self.limit + free + still_rejected))

    def eta(self, n: int, now: float, ceiling: int) -> float:
        """Return the seconds until the ``n``-th grant from now.

        An estimate: requests now in flight are taken to be answered at once.
        """
        span = self.period + self.margin
        free, held = (now, self.free, False), (now + span, self.held, False)
        rows = merge([free], self._rows, [held])
        counted = self.limit - self.expiring_rejected
        return estimate(n, now, ceiling=ceiling, span=span, counted=counted, rows=rows)

    @property
    def mine(self) -> int:
        return self.held

    def abandon(self, now: float) -> None:
        """Take the requests in flight for lost."""
        if self.held:
            self.settle(self.held, now, grace=GRACE)

    def after_fork(self, now: float) -> None:
        """Count on: what the parent has in flight is lost to this process."""
        self.abandon(now)

    def shift(self, seconds: float) -> None:
        """Move all times: the clock was replaced by one that is this far ahead."""
        self._rows = deque((row[0] + seconds, row[1], row[2]) for row in self._rows)
        self.next_back += seconds
