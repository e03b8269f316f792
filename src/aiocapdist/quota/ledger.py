"""Who spent when, and when the next token is free. Pure: times come in as arguments.

A token belongs to a request. It is taken before the request is written and comes back
``period + margin`` after the request's reply was seen, never earlier: OpenD counts a
request at some moment between those two, so 31 requests counted within one window would
need 31 tokens at the moment of the last count, and only 30 exist.

At all times ``free + held + cooling == limit``.
"""

from __future__ import annotations

import heapq


class Ledger:
    """``limit`` tokens, each free, held by a request, or cooling until a known time."""

    def __init__(self, limit: int, period: float, margin: float) -> None:
        self.limit = limit
        self.period = period
        self.margin = margin
        self.free = limit
        self.held = 0
        self.cooling = 0
        # Of those cooling, the ones whose requests OpenD refused: it did not count them.
        self.cooling_refused = 0
        # (back at, a number to keep order, how many, refused): one row per settling.
        self._rows: list[tuple[float, int, int, bool]] = []
        self._row_number = 0

    @property
    def spent(self) -> int:
        """Tokens whose requests OpenD may have counted in the last period."""
        return self.held + self.cooling - self.cooling_refused

    def take(self) -> None:
        """A request is about to be written."""
        assert self.free > 0
        self.free -= 1
        self.held += 1

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
        self._row_number += 1
        heapq.heappush(self._rows, (back_at, self._row_number, count, refused))

    def advance(self, now: float) -> None:
        """Free what has cooled by ``now``."""
        rows = self._rows
        while rows and rows[0][0] <= now:
            _, _, count, refused = heapq.heappop(rows)
            self.cooling -= count
            self.free += count
            if refused:
                self.cooling_refused -= count

    def next_back(self) -> float | None:
        """When the next cooling token is free, if one cools."""
        return self._rows[0][0] if self._rows else None

    def eta(self, n: int, now: float, ceiling: int) -> float:
        """Seconds until the ``n``-th grant from now, if ``ceiling`` tokens are used at a time.

        An estimate: tokens now held are taken to be answered at once.
        """
        span = self.period + self.margin
        backs = sorted(
            [now] * self.free
            + [back for back, _, count, _ in self._rows for _ in range(count)]
            + [now + span] * self.held
        )
        usable = backs[self.limit - ceiling :]
        rounds, index = divmod(n - 1, ceiling)
        return max(0.0, usable[index] - now) + rounds * span

    def shift(self, seconds: float) -> None:
        """The clock that ``now`` is read from was replaced by one that runs this far ahead."""
        self._rows = [(back + seconds, *rest) for back, *rest in self._rows]  # type: ignore[misc]
