"""No quota: for calls that OpenD does not count. The same face as a quota's, no tokens."""

from __future__ import annotations

import sys

from ..._loop import Clock
from .fair_queue import Place


class Unlimited:
    """Grants all that asks, at once."""

    limit: int = sys.maxsize
    period: float = 1.0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lanes: list[Place] = []

    def join(self, lane: Place) -> None:
        if not lane.queued:
            lane.queued = True
            self._lanes.append(lane)

    def leave(self, lane: Place) -> None:
        if lane.queued:
            lane.queued = False
            self._lanes.remove(lane)

    def try_acquire(self, now: float) -> bool:
        """Always."""
        return True

    def pump(self) -> None:
        if self._lanes:
            now = self._clock()
            for lane in list(self._lanes):
                lane.grant(sys.maxsize, now)

    def replied(self, at: float) -> None:
        """Nothing was held."""

    def reject(self) -> bool:
        """Whoever asked without a quota is told."""
        return False

    def lost(self, count: int) -> None:
        """Nothing was held."""

    def release(self, count: int = 1) -> None:
        """Nothing was held."""

    def eta_of(self, lane: Place, position: int) -> float:
        return 0.0
