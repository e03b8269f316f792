"""Where the ceiling's and the ledger's edges lie: to the moment, and to the token.

Promises 4, 6 and 8: each of these edges could be off by one, or by a margin, without any window
becoming too full in the tests of the whole.
"""

from __future__ import annotations

import math

import pytest

from aiocapdist.quota._core.adaptive_limit import AdaptiveLimit
from aiocapdist.quota._core.fair_queue import FairQueue, Place
from aiocapdist.quota._core.ledger import Ledger

from .test_fair_queue import Named


@pytest.mark.parametrize(("ceiling", "usable"), [(5, 3), (4, 2), (3, 1), (2, 0), (1, 0)])
def test_a_lower_ceiling_leaves_so_many_fewer_to_use(ceiling: int, usable: int) -> None:
    ledger = Ledger(5, 30.0, 0.0)
    ledger.acquire(2)
    assert ledger.usable(ceiling) == usable


def test_what_opend_refused_was_not_counted_and_leaves_room_under_the_ceiling() -> None:
    ledger = Ledger(5, 30.0, 0.0)
    ledger.acquire(3)
    ledger.settle(2, 0.0, rejected=True)
    ledger.settle(1, 0.0)
    assert ledger.usable(2) == 1
    assert ledger.usable(4) == 2, "never more than are free"


def test_eta_counts_the_margin_with_the_period() -> None:
    ledger = Ledger(1, 30.0, 0.5)
    ledger.acquire()
    assert ledger.eta(1, 0.0, 1) == 30.5
    assert ledger.eta(2, 0.0, 1) == 61.0


def test_with_a_period_over_to_the_moment_the_next_fall_begins() -> None:
    ceiling = AdaptiveLimit(8, 30.0)
    for _ in range(9):
        ceiling.reject(0.0)
    assert ceiling.value == 4
    ceiling.reject(30.0)
    assert ceiling.value == 3


@pytest.mark.parametrize("seconds", [500.0, -500.0])
def test_with_another_clock_it_does_what_it_would_have_done(seconds: float) -> None:
    """Where the bound of its fall ends, when it rises, how long it pauses: all move along."""
    here, there = AdaptiveLimit(8, 30.0), AdaptiveLimit(8, 30.0)
    for ceiling in (here, there):
        for _ in range(9):
            ceiling.reject(1000.0)
    there.shift(seconds)
    # Within the fall's period, at its end, and then clean periods until all is as it was.
    for refused in (1029.0, 1030.0):
        here.reject(refused)
        there.reject(refused + seconds)
        assert there.value == here.value
        assert there.paused_until == here.paused_until + seconds
    for now in (1030.0 + 7.5 * n for n in range(150)):
        here.advance(now)
        there.advance(now + seconds)
        assert there.value == here.value
        assert there.next_change == here.next_change + seconds
    assert (here.value, here.next_change) == (8, math.inf)


@pytest.mark.parametrize("seconds", [500.0, -500.0])
def test_with_another_clock_it_rises_when_it_would_have_risen(seconds: float) -> None:
    ceiling = AdaptiveLimit(32, 30.0)
    ceiling.reject(1000.0)
    ceiling.shift(seconds)
    ceiling.advance(1059.9 + seconds)
    assert ceiling.value == 28
    ceiling.advance(1060.0 + seconds)
    assert ceiling.value == 29


class Plain(Place):
    """As places are made where nothing is said of patience."""

    @property
    def length(self) -> int:
        return 1

    def grant(self, count: int, now: float) -> int:
        return 1


def test_a_place_is_eager_unless_told_otherwise() -> None:
    line = FairQueue()
    plain = Plain()
    line.join(plain)
    assert line.next(patient=False) is plain
    line.leave(plain)
    assert line.next(patient=True) is None


def test_of_two_newcomers_the_one_that_minds_no_reserve_goes_first() -> None:
    for order in ("sx", "xs"):
        line = FairQueue()
        places = {name: Named(line, name, 1, patient=name == "s") for name in "sx"}
        for name in order:
            line.join(places[name])
        assert line.next(patient=True) is places["x"]
