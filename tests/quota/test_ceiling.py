"""The ceiling: down by one per refusal, at most halved in a period, up again when clean."""

from __future__ import annotations

from aiocapdist.quota.ceiling import Ceiling


def test_it_starts_at_the_limit_and_stays_there() -> None:
    ceiling = Ceiling(30, 30.0)
    ceiling.advance(1e6)
    assert ceiling.value == 30
    assert ceiling.next_change() == float("inf")
    assert ceiling.paused_until == float("-inf")


def test_a_refusal_lowers_it_by_one_and_pauses() -> None:
    ceiling = Ceiling(30, 30.0)
    ceiling.refuse(100.0)
    assert ceiling.value == 29
    assert ceiling.paused_until == 101.0
    assert ceiling.next_change() == 130.0


def test_it_is_halved_at_most_in_a_period() -> None:
    ceiling = Ceiling(30, 30.0)
    for second in range(25):
        ceiling.refuse(float(second))
    assert ceiling.value == 15
    ceiling.refuse(31.0)
    assert ceiling.value == 14


def test_it_never_falls_below_one() -> None:
    ceiling = Ceiling(2, 30.0)
    for period in range(10):
        ceiling.refuse(period * 31.0)
    assert ceiling.value == 1


def test_it_rises_by_half_for_each_clean_period() -> None:
    ceiling = Ceiling(30, 30.0)
    for _ in range(4):
        ceiling.refuse(0.0)
    assert ceiling.value == 26
    ceiling.advance(29.9)
    assert ceiling.value == 26
    ceiling.advance(60.0)
    assert ceiling.value == 27
    ceiling.advance(60.0 + 8 * 30.0)
    assert ceiling.value == 30
    assert ceiling.next_change() == float("inf")


def test_another_clock_changes_no_distance() -> None:
    ceiling = Ceiling(30, 30.0)
    ceiling.refuse(0.0)
    ceiling.shift(500.0)
    assert ceiling.paused_until == 501.0
    assert ceiling.next_change() == 530.0
    ceiling.refuse(529.0)
    assert ceiling.value == 28
