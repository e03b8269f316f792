"""The ceiling: down by an eighth per refusal, at most halved in a period, up again when clean."""

from __future__ import annotations

from aiocapdist.quota._core.adaptive_limit import AdaptiveLimit


def test_it_starts_at_the_limit_and_stays_there() -> None:
    ceiling = AdaptiveLimit(30, 30.0)
    ceiling.advance(1e6)
    assert ceiling.value == 30
    assert ceiling.next_change == float("inf")
    assert ceiling.paused_until == float("-inf")


def test_a_refusal_lowers_it_by_an_eighth_and_pauses() -> None:
    ceiling = AdaptiveLimit(32, 30.0)
    ceiling.reject(100.0)
    assert ceiling.value == 28
    assert ceiling.paused_until == 100.5
    assert ceiling.next_change == 130.0
    ceiling.reject(140.0)
    assert ceiling.value == 24, "an eighth of 28"


def test_it_is_halved_at_most_in_a_period() -> None:
    ceiling = AdaptiveLimit(32, 30.0)
    for second in range(25):
        ceiling.reject(float(second))
    assert ceiling.value == 16
    ceiling.reject(31.0)
    assert ceiling.value == 14


def test_of_two_that_are_refused_together_the_larger_gives_way_to_the_smaller() -> None:
    larger, smaller = AdaptiveLimit(30, 30.0), AdaptiveLimit(30, 30.0)
    for n in range(18):
        smaller.reject(n * 31.0)
    assert (larger.value, smaller.value) == (30, 2)
    differences = []
    for n in range(200):
        now = 1000.0 + n * 30.0
        larger.advance(now)
        smaller.advance(now)
        if larger.value + smaller.value > 30:
            larger.reject(now)
            smaller.reject(now)
        differences.append(larger.value - smaller.value)
    assert differences[40] <= 10
    assert max(map(abs, differences[150:])) <= 2


def test_it_never_falls_below_one() -> None:
    ceiling = AdaptiveLimit(2, 30.0)
    for period in range(10):
        ceiling.reject(period * 31.0)
    assert ceiling.value == 1


def test_it_rises_by_half_for_each_clean_period() -> None:
    ceiling = AdaptiveLimit(32, 30.0)
    ceiling.reject(0.0)
    assert ceiling.value == 28
    ceiling.advance(59.9)
    assert ceiling.value == 28
    ceiling.advance(60.0)
    assert ceiling.value == 29
    ceiling.advance(7 * 30.0)
    assert ceiling.value == 31
    ceiling.advance(10 * 30.0)
    assert ceiling.value == 32
    assert ceiling.next_change == float("inf")


def test_it_hesitates_before_the_step_back_to_where_a_refusal_came() -> None:
    ceiling = AdaptiveLimit(4, 30.0)
    ceiling.reject(0.0)
    assert ceiling.value == 3
    assert ceiling.next_change == 90.0
    ceiling.advance(89.9)
    assert ceiling.value == 3
    ceiling.advance(90.0)
    assert ceiling.value == 4


def test_pauses_grow_while_refusals_come_again() -> None:
    ceiling = AdaptiveLimit(30, 30.0)
    now, pauses = 0.0, []
    for _ in range(7):
        ceiling.reject(now)
        ceiling.reject(now)  # sent together with the first
        pauses.append(ceiling.paused_until - now)
        now = ceiling.paused_until
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 9.0, 9.0]
    ceiling.reject(now + 30.0)
    assert ceiling.paused_until == now + 30.5


def test_another_clock_changes_no_distance() -> None:
    ceiling = AdaptiveLimit(30, 30.0)
    ceiling.reject(0.0)
    ceiling.shift(500.0)
    assert ceiling.paused_until == 500.5
    assert ceiling.next_change == 530.0
    ceiling.reject(529.0)
    assert ceiling.value == 22
