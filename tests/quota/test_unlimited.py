"""Calls that no quota counts: granted at once, with nothing held and nothing to give back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aiocapdist.quota._core.fair_queue import Place
from aiocapdist.quota._core.unlimited import Unlimited

from .stubs import Clock


class Asking(Place):
    def __init__(self, unlimited: Unlimited, waiting: int, *, able: bool = True) -> None:
        super().__init__()
        self.unlimited = unlimited
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
            self.unlimited.leave(self)
        return used


def test_all_that_asks_is_granted_at_once() -> None:
    unlimited = Unlimited(Clock())
    places = [Asking(unlimited, 1000), Asking(unlimited, 3), Asking(unlimited, 1)]
    for place in places:
        unlimited.join(place)
    unlimited.pump()
    assert [place.granted for place in places] == [1000, 3, 1]
    assert not any(place.queued for place in places)


def test_pumping_with_nobody_there_does_nothing() -> None:
    unlimited = Unlimited(Clock())
    unlimited.pump()
    place = Asking(unlimited, 5)
    unlimited.pump()
    assert place.granted == 0


def test_joining_or_leaving_twice_is_the_same_as_once() -> None:
    unlimited = Unlimited(Clock())
    place, other = Asking(unlimited, 2), Asking(unlimited, 2)
    unlimited.join(place)
    unlimited.join(place)
    unlimited.join(other)
    unlimited.leave(place)
    unlimited.leave(place)
    unlimited.pump()
    assert (place.granted, other.granted) == (0, 2)
    unlimited.join(place)
    unlimited.pump()
    assert place.granted == 2


def test_a_place_that_cannot_send_holds_up_nobody() -> None:
    unlimited = Unlimited(Clock())
    stuck, other = Asking(unlimited, 2, able=False), Asking(unlimited, 2)
    unlimited.join(stuck)
    unlimited.join(other)
    unlimited.pump()
    assert (stuck.granted, other.granted) == (0, 2)
    stuck.able = True
    unlimited.pump()
    assert stuck.granted == 2, "as soon as it can"
    assert not stuck.queued


def test_whoever_is_refused_without_a_quota_is_told() -> None:
    assert Unlimited(Clock()).reject() is False


@pytest.mark.parametrize("position", [1, 50_000])
def test_nobody_waits_for_a_token(position: int) -> None:
    unlimited = Unlimited(Clock())
    assert unlimited.eta_of(Asking(unlimited, position), position) == 0.0


def test_nothing_is_held_so_nothing_comes_back() -> None:
    """Whatever becomes of a request, the next one goes as before."""
    unlimited = Unlimited(Clock())
    place = Asking(unlimited, 1)
    ends: list[Callable[[], None]] = [
        lambda: unlimited.replied(0.0),
        unlimited.release,
        lambda: unlimited.lost(3),
    ]
    for happened in ends:
        place.waiting = 1
        unlimited.join(place)
        unlimited.pump()
        happened()
        assert unlimited.try_acquire(0.0), "and a single call need not even ask"
    assert place.granted == 3
