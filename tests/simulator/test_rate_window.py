"""OpenD's own counting: both ends of the window belong to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aiocapdist.simulator._rate_window import Window


def accepted(window: Window, *times: float) -> list[bool]:
    return [window.accept(at) for at in times]


def test_at_most_so_many_at_one_moment() -> None:
    window = Window(3, 30.0)
    assert accepted(window, 5.0, 5.0, 5.0, 5.0) == [True, True, True, False]


def test_a_request_exactly_a_period_after_the_first_is_one_too_many() -> None:
    assert accepted(Window(2, 30.0), 0.0, 10.0, 30.0) == [True, True, False]
    assert accepted(Window(2, 30.0), 0.0, 10.0, 30.000001) == [True, True, True]


def test_the_window_slides_it_does_not_jump() -> None:
    """Two at the end of one half minute and two at the start of the next are four in one."""
    window = Window(2, 30.0)
    assert accepted(window, 29.0, 29.5, 30.5, 31.0) == [True, True, False, False]
    assert accepted(window, 59.1, 59.2, 59.6) == [True, False, True]


def test_refused_ones_do_not_count() -> None:
    window = Window(1, 30.0)
    assert accepted(window, 0.0, 10.0, 20.0, 30.1) == [True, False, False, True]


def test_refused_ones_count_where_told_so() -> None:
    window = Window(1, 30.0, count_refused=True)
    assert accepted(window, 0.0, 10.0, 20.0, 30.1, 50.0, 80.1) == [True] + [False] * 4 + [True]


def test_the_largest_window_is_remembered() -> None:
    window = Window(5, 30.0)
    assert window.largest == 0
    accepted(window, 0.0, 1.0, 2.0)
    assert window.largest == 3
    accepted(window, 32.5)
    assert window.largest == 3
    accepted(window, *[40.0] * 9)
    assert window.largest == 5, "refused ones are no part of it"


TIMES = st.lists(st.integers(0, 200), min_size=1, max_size=60).map(sorted)


@given(TIMES, st.integers(1, 8), st.booleans())
def test_no_closed_window_holds_more_than_the_limit(
    times: list[int], limit: int, count_refused: bool
) -> None:
    window = Window(limit, 30.0, count_refused=count_refused)
    passed = [at for at in times if window.accept(at)]
    fullest = max(sum(begin <= at <= begin + 30 for at in passed) for begin in passed)
    assert fullest == window.largest <= limit


@given(TIMES, st.integers(1, 8))
def test_nothing_is_refused_without_need(times: list[int], limit: int) -> None:
    window = Window(limit, 30.0)
    passed: list[int] = []
    for at in times:
        lately = sum(at - 30 <= other for other in passed)
        assert window.accept(at) is (lately < limit)
        if lately < limit:
            passed.append(at)
