"""Waiting in line, fairly. Pure.

First come first served within a lane, round-robin between lanes. The lane served longest
ago goes first, so a call in a lane of its own waits for one token, however long the other
lanes are. Granting costs the same whether few or many wait.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod


class Place(ABC):
    """One group in the line: a client's single calls, or one sweep."""

    def __init__(self, *, patient: bool = False) -> None:
        self.patient = patient
        """Whether it leaves a quota's reserve to others."""
        self.queued = False
        self.turn = 0

    @property
    @abstractmethod
    def length(self) -> int:
        """How many requests wait here, as far as is known."""

    @abstractmethod
    def grant(self, count: int, now: float) -> int:
        """Use up to ``count`` tokens: send so many of those who wait, first come first.

        Returns how many were used. A lane that has nothing more to send leaves the line.
        """


class FairQueue:
    """The lanes that want tokens."""

    def __init__(self) -> None:
        self.lanes: set[Place] = set()
        # By (turn, a number to keep order), one heap for lanes that leave the reserve
        # alone and one for the others. Entries whose lane left, or has had another turn
        # since, go when they surface, or when a lane leaves and most are such.
        self._eager: list[tuple[int, int, Place]] = []
        self._patient: list[tuple[int, int, Place]] = []
        self._turn = 0
        self._entry = 0

    def join(self, lane: Place) -> None:
        """The lane wants tokens. Joining twice is the same as once."""
        if not lane.queued:
            lane.queued = True
            self.lanes.add(lane)
            self._push(lane)

    def leave(self, lane: Place) -> None:
        """The lane wants none for now."""
        if lane.queued:
            lane.queued = False
            self.lanes.discard(lane)
            self._tidy(self._eager)
            self._tidy(self._patient)

    def next(self, *, patient: bool) -> Place | None:
        """The lane whose turn it is; ``patient``: whether those too may have a token."""
        eager = self._head(self._eager)
        if not patient:
            return eager
        waiting = self._head(self._patient)
        if eager is None or waiting is None:
            return eager or waiting
        return eager if eager.turn <= waiting.turn else waiting

    def served(self, lane: Place) -> None:
        """The lane had its turn: it goes behind all others."""
        self._turn += 1
        lane.turn = self._turn
        if lane.queued:
            self._push(lane)

    def ahead_of(self, lane: Place, position: int) -> int:
        """How many grants go to others before the lane's ``position``-th request (from 1)."""
        rounds = position if lane.queued else position - 1
        return sum(min(other.length, rounds) for other in self.lanes if other is not lane)

    @property
    def length(self) -> int:
        """How many requests wait in all lanes."""
        return sum(lane.length for lane in self.lanes)

    def _push(self, lane: Place) -> None:
        self._entry += 1
        heap = self._patient if lane.patient else self._eager
        heapq.heappush(heap, (lane.turn, self._entry, lane))

    def _tidy(self, heap: list[tuple[int, int, Place]]) -> None:
        # Without it, callers who come and give up while no token is free would add up.
        if len(heap) > 2 * len(self.lanes):
            heap[:] = [entry for entry in heap if entry[2].queued and entry[2].turn == entry[0]]
            heapq.heapify(heap)

    def _head(self, heap: list[tuple[int, int, Place]]) -> Place | None:
        while heap:
            turn, _, lane = heap[0]
            if lane.queued and lane.turn == turn:
                return lane
            heapq.heappop(heap)
        return None
