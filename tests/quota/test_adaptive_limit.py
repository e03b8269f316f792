"""The ceiling: down by one per refusal, at most halved in a period, up again when clean."""

from __future__ import annotations

from aiocapdist.quota._core.adaptive_limit import AdaptiveLimit


def test_it_starts_at_the_limit_and_stays_there() -> None:
    ceiling = AdaptiveLimit(30, 30.0)
    ceiling.advance(1e6)
    assert ceiling.value == 30
    assert ceiling.next_change == float("inf")
    assert ceiling.paused_until == float("-inf")


def test_a_refusal_lowers_it_by_one_and_pauses() -> None:
    ceiling = AdaptiveLimit(30, 30.0)
    ceiling.reject(100.0)
    assert ceiling.value == 29
    assert ceiling.paused_until == 101.0
    assert ceiling.next_change == 130.0


def test_it_is_halved_at_most_in_a_period() -> None:
    ceiling = AdaptiveLimit(30, 30.0)
    for second in range(25):
        ceiling.reject(float(second))
    assert ceiling.value == 15
    ceiling.reject(31.0)
    assert ceiling.value == 14


def test_it_never_falls_below_one() -> None:
    ceiling = AdaptiveLimit(2, 30.0)
    for period in range(10):
        ceiling.reject(period * 31.0)
    assert ceiling.value == 1


def test_it_rises_by_half_for_each_clean_period() -> None:
    ceiling = AdaptiveLimit(30, 30.0)
    for _ in range(4):
        ceiling.reject(0.0)
    assert ceiling.value == 26
    ceiling.advance(29.9)
    assert ceiling.value == 26
    ceiling.advance(60.0)
    assert ceiling.value == 27
    ceiling.advance(60.0 + 8 * 30.0)
    assert ceiling.value == 30
    assert ceiling.next_change == float("inf")


def test_it_hesitates_before_the_step_back_to_where_a_refusal_came() -> None:
    ceiling = AdaptiveLimit(30, 30.0)
    ceiling.reject(0.0)
    ceiling.advance(30.0)
    assert ceiling.next_change == 120.0
    ceiling.advance(119.9)
    assert ceiling.value == 29
    ceiling.advance(120.0)
    assert ceiling.value == 30


def test_refused_there_again_it_falls_by_a_share_of_itself() -> None:
    ceiling = AdaptiveLimit(30, 30.0)
    ceiling.reject(0.0)
    ceiling.advance(120.0)
    ceiling.reject(120.0)
    assert ceiling.value == 26  # of 30 an eighth less, and the same when few are left:
    few = AdaptiveLimit(4, 30.0)
    few.reject(0.0)
    few.advance(120.0)
    few.reject(120.0)
    assert few.value == 3


def test_pauses_grow_while_refusals_come_again() -> None:
    ceiling = AdaptiveLimit(30, 30.0)
    now, pauses = 0.0, []
    for _ in range(5):
        ceiling.reject(now)
        ceiling.reject(now)  # sent together with the first
        pauses.append(ceiling.paused_until - now)
        now = ceiling.paused_until
    assert pauses == [1.0, 2.0, 4.0, 7.5, 7.5]
    ceiling.reject(now + 30.0)
    assert ceiling.paused_until == now + 31.0


def test_another_clock_changes_no_distance() -> None:
    ceiling = AdaptiveLimit(30, 30.0)
    ceiling.reject(0.0)
    ceiling.shift(500.0)
    assert ceiling.paused_until == 501.0
    assert ceiling.next_change == 530.0
    ceiling.reject(529.0)
    assert ceiling.value == 28
