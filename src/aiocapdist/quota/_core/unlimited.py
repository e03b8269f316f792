"""Grants to calls that OpenD does not count: every request goes at once."""

from __future__ import annotations

import sys

from ..._loop import Clock
from .fair_queue import Place


class Unlimited:
    """Grants without a limit, as a :class:`.granter.Granter` does: no tokens are held."""

    limit: int = sys.maxsize
    period: float = 1.0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._places: list[Place] = []

    @property
    def trouble(self) -> None:
        """None: there is nothing to reach."""
        return None

    def join(self, place: Place) -> None:
        """Queue a place; :meth:`pump` lets all its requests go."""
        if not place.queued:
            place.queued = True
            self._places.append(place)

    def leave(self, place: Place) -> None:
        """Take a place from the queue."""
        if place.queued:
            place.queued = False
            self._places.remove(place)

    def try_acquire(self, now: float) -> bool:
        """Always True."""
        return True

    def pump(self) -> None:
        """Let every queued request go."""
        if self._places:
            now = self._clock()
            for place in list(self._places):
                place.grant(sys.maxsize, now)

    def replied(self, at: float) -> None:
        """Nothing was held."""

    def reject(self) -> bool:
        """Always False: the caller is told of the rejection."""
        return False

    def lost(self, count: int) -> None:
        """Nothing was held."""

    def release(self, count: int = 1) -> None:
        """Nothing was held."""

    def eta_of(self, place: Place, position: int) -> float:
        """Always 0: no request waits for a token."""
        return 0.0
