"""Decides which place gets the next token. Pure.

First come first served within a place, round-robin between places. The place served longest
ago goes first, so a call in a place of its own waits for one token, however many requests
wait in other places. Granting costs the same whether few or many wait.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod


class Place(ABC):
    """Requests that take their turn together: a client's single calls, or one sweep."""

    def __init__(self, *, patient: bool = False) -> None:
        self.patient = patient
        """True if it leaves the quota's reserve to others."""
        self.queued: bool = False
        """True while it is in a fair queue, which sets this."""
        self.turn: int = 0
        """When it was last served; larger is later. The fair queue sets this."""

    @property
    @abstractmethod
    def length(self) -> int:
        """Number of requests that wait here, as far as is known."""

    @abstractmethod
    def grant(self, count: int, now: float) -> int:
        """Send up to ``count`` requests, first come first served.

        Returns how many tokens were used; if it raises, it has already called
        ``Scheduler.release()`` for the tokens it did not use. A place with nothing more to
        send leaves the queue.
        """


class FairQueue:
    """The places that want tokens."""

    def __init__(self) -> None:
        self.places: set[Place] = set()
        # By turn, then by a number that keeps the order of joining: one heap for patient
        # places and one for the others. An entry is stale once its place has left or had
        # another turn; stale entries are dropped when they surface, or when most are stale.
        self._eager: list[tuple[int, int, Place]] = []
        self._patient: list[tuple[int, int, Place]] = []
        self._turn = 0
        self._entry = 0

    def join(self, place: Place) -> None:
        """Add a place that wants tokens. Does nothing if it is queued already."""
        if not place.queued:
            place.queued = True
            self.places.add(place)
            self._push(place)

    def leave(self, place: Place) -> None:
        """Remove a place. Does nothing if it is not queued."""
        if place.queued:
            place.queued = False
            self.places.discard(place)
            self._drop_stale(self._eager)
            self._drop_stale(self._patient)

    def next(self, *, patient: bool) -> Place | None:
        """Return the place whose turn it is, None if there is none.

        Patient places are considered only if ``patient`` is true.
        """
        eager = self._head(self._eager)
        if not patient:
            return eager
        waiting = self._head(self._patient)
        if eager is None or waiting is None:
            return eager or waiting
        return eager if eager.turn <= waiting.turn else waiting

    def served(self, place: Place) -> None:
        """End the place's turn: it goes behind all others."""
        self._turn += 1
        place.turn = self._turn
        if place.queued:
            self._push(place)

    def ahead_of(self, place: Place, position: int) -> int:
        """Number of grants to others before the place's ``position``-th request (from 1)."""
        rounds = position if place.queued else position - 1
        return sum(min(other.length, rounds) for other in self.places if other is not place)

    @property
    def length(self) -> int:
        """Number of requests that wait in all places."""
        return sum(place.length for place in self.places)

    def _push(self, place: Place) -> None:
        self._entry += 1
        heap = self._patient if place.patient else self._eager
        heapq.heappush(heap, (place.turn, self._entry, place))

    def _drop_stale(self, heap: list[tuple[int, int, Place]]) -> None:
        # Without it, callers that come and give up while no token is free would add up.
        if len(heap) > 2 * len(self.places):
            heap[:] = [entry for entry in heap if entry[2].queued and entry[2].turn == entry[0]]
            heapq.heapify(heap)

    def _head(self, heap: list[tuple[int, int, Place]]) -> Place | None:
        while heap:
            turn, _, place = heap[0]
            if place.queued and place.turn == turn:
                return place
            heapq.heappop(heap)
        return None
