"""The rate limit's window, which includes both of its ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aiocapdist.simulator._rate_window import RateWindow


def accepted(window: RateWindow, *times: float) -> list[bool]:
    return [window.accept(at) for at in times]


def test_at_most_limit_requests_at_one_moment() -> None:
    window = RateWindow(3, 30.0)
    assert accepted(window, 5.0, 5.0, 5.0, 5.0) == [True, True, True, False]


def test_a_request_exactly_one_period_after_the_first_is_rejected() -> None:
    assert accepted(RateWindow(2, 30.0), 0.0, 10.0, 30.0) == [True, True, False]
    assert accepted(RateWindow(2, 30.0), 0.0, 10.0, 30.000001) == [True, True, True]


def test_the_window_slides() -> None:
    """Two at the end of one half minute and two at the start of the next share a window."""
    window = RateWindow(2, 30.0)
    assert accepted(window, 29.0, 29.5, 30.5, 31.0) == [True, True, False, False]
    assert accepted(window, 59.1, 59.2, 59.6) == [True, False, True]


def test_rejected_requests_do_not_count() -> None:
    window = RateWindow(1, 30.0)
    assert accepted(window, 0.0, 10.0, 20.0, 30.1) == [True, False, False, True]


def test_rejected_requests_count_with_count_refused() -> None:
    window = RateWindow(1, 30.0, count_refused=True)
    assert accepted(window, 0.0, 10.0, 20.0, 30.1, 50.0, 80.1) == [True] + [False] * 4 + [True]


def test_largest_is_the_maximum_so_far() -> None:
    window = RateWindow(5, 30.0)
    assert window.largest == 0
    accepted(window, 0.0, 1.0, 2.0)
    assert window.largest == 3
    accepted(window, 32.5)
    assert window.largest == 3
    accepted(window, *[40.0] * 9)
    assert window.largest == 5, "rejected requests are not part of the window"


TIMES = st.lists(st.integers(0, 200), min_size=1, max_size=60).map(sorted)


@given(TIMES, st.integers(1, 8), st.booleans())
def test_no_closed_window_holds_more_than_the_limit(
    times: list[int], limit: int, count_refused: bool
) -> None:
    window = RateWindow(limit, 30.0, count_refused=count_refused)
    passed = [at for at in times if window.accept(at)]
    fullest = max(sum(begin <= at <= begin + 30 for at in passed) for begin in passed)
    assert fullest == window.largest <= limit


@given(TIMES, st.integers(1, 8))
def test_a_request_within_the_limit_is_accepted(times: list[int], limit: int) -> None:
    window = RateWindow(limit, 30.0)
    passed: list[int] = []
    for at in times:
        lately = sum(at - 30 <= other for other in passed)
        assert window.accept(at) is (lately < limit)
        if lately < limit:
            passed.append(at)
