"""Calls that no quota counts: granted at once, with nothing held and nothing to give back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aiocapdist.quota._core.fair_queue import Place
from aiocapdist.quota._core.unlimited import Unlimited

from .stubs import Clock


class Asking(Place):
    def __init__(self, unmetered: Unlimited, waiting: int, *, able: bool = True) -> None:
        super().__init__()
        self.unmetered = unmetered
        self.waiting = waiting
        self.granted = 0
        self.able = able

    @property
    def length(self) -> int:
        return self.waiting

    def grant(self, count: int, now: float) -> int:
        used = min(count, self.waiting) if self.able else 0
        self.waiting -= used
        self.granted += used
        if not self.waiting:
            self.unmetered.leave(self)
        return used


def test_all_that_asks_is_granted_at_once() -> None:
    unmetered = Unlimited(Clock())
    lanes = [Asking(unmetered, 1000), Asking(unmetered, 3), Asking(unmetered, 1)]
    for lane in lanes:
        unmetered.join(lane)
    unmetered.pump()
    assert [lane.granted for lane in lanes] == [1000, 3, 1]
    assert not any(lane.queued for lane in lanes)


def test_pumping_with_nobody_there_does_nothing() -> None:
    unmetered = Unlimited(Clock())
    unmetered.pump()
    lane = Asking(unmetered, 5)
    unmetered.pump()
    assert lane.granted == 0


def test_joining_or_leaving_twice_is_the_same_as_once() -> None:
    unmetered = Unlimited(Clock())
    lane, other = Asking(unmetered, 2), Asking(unmetered, 2)
    unmetered.join(lane)
    unmetered.join(lane)
    unmetered.join(other)
    unmetered.leave(lane)
    unmetered.leave(lane)
    unmetered.pump()
    assert (lane.granted, other.granted) == (0, 2)
    unmetered.join(lane)
    unmetered.pump()
    assert lane.granted == 2


def test_a_lane_that_cannot_send_holds_up_nobody() -> None:
    unmetered = Unlimited(Clock())
    stuck, other = Asking(unmetered, 2, able=False), Asking(unmetered, 2)
    unmetered.join(stuck)
    unmetered.join(other)
    unmetered.pump()
    assert (stuck.granted, other.granted) == (0, 2)
    stuck.able = True
    unmetered.pump()
    assert stuck.granted == 2, "as soon as it can"
    assert not stuck.queued


def test_whoever_is_refused_without_a_quota_is_told() -> None:
    assert Unlimited(Clock()).reject() is False


@pytest.mark.parametrize("position", [1, 50_000])
def test_nobody_waits_for_a_token(position: int) -> None:
    unmetered = Unlimited(Clock())
    assert unmetered.eta_of(Asking(unmetered, position), position) == 0.0


def test_nothing_is_held_so_nothing_comes_back() -> None:
    """Whatever becomes of a request, the next one goes as before."""
    unmetered = Unlimited(Clock())
    lane = Asking(unmetered, 1)
    ends: list[Callable[[], None]] = [
        lambda: unmetered.replied(0.0),
        unmetered.release,
        lambda: unmetered.lost(3),
    ]
    for happened in ends:
        lane.waiting = 1
        unmetered.join(lane)
        unmetered.pump()
        happened()
        assert unmetered.try_acquire(0.0), "and a single call need not even ask"
    assert lane.granted == 3
