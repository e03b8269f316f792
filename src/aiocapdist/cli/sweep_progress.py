"""Counts of a list of codes: requested, answered, failed, and the time that the rest takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from ..quota import Quota
from .answers import Answer


class SweepProgress:
    """Codes of a list that were requested, answered and failed so far.

    A code given twice counts as two, since it gets two outcomes; it costs one request.
    """

    def __init__(self, codes: Sequence[str]) -> None:
        self.answered: int = 0
        self.failed: int = 0
        self._codes = codes
        self._not_requested = set(codes)

    @property
    def total(self) -> int:
        """Number of codes."""
        return len(self._codes)

    @property
    def done(self) -> int:
        """Number of codes answered or failed."""
        return self.answered + self.failed

    def requested_codes(self) -> Iterator[str]:
        """Yield the codes to a sweep, which takes each one shortly before its request."""
        for code in self._codes:
            self._not_requested.discard(code)
            yield code

    def add(self, outcome: Answer) -> None:
        """Count one outcome."""
        if outcome.error is None:
            self.answered += 1
        else:
            self.failed += 1

    def seconds_left(self, quota: Quota) -> float:
        """Estimate the seconds until the quota lets the last code be sent."""
        # Requests in flight have their tokens; the one code that was taken from the list
        # but not sent is waiting in the quota's queue already.
        count = len(self._not_requested)
        if not count and not quota.waiting:
            return 0.0
        return quota.eta(max(1, count))


def format_duration(seconds: float) -> str:
    """Return a duration such as ``0:01:30``."""
    return str(timedelta(seconds=round(seconds)))
