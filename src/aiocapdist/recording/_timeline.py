"""Recorded time by played time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

_EDGE = timedelta(minutes=5)
"""Part of a night that is played at its beginning and its end: markets close and open."""


class Timeline:
    """Recorded time by played time, both in microseconds.

    ``nights`` are pairs of the last row before a night and the first one after it.
    """

    def __init__(self, start: int, nights: Sequence[tuple[int, int]] = ()) -> None:
        self._start = start
        edge = _EDGE // timedelta(microseconds=1)
        cuts = [(max(last + edge, start), first - edge) for last, first in nights]
        self._cuts = [(begin, end) for begin, end in cuts if end > begin]

    def at(self, played: int) -> int:
        """Return the recorded time after so much played time."""
        now = self._start + played
        for begin, end in self._cuts:
            if now <= begin:
                break
            now += end - begin
        return now
