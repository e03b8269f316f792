"""Backoff: soon at first, then full jitter, doubling up to half a minute."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiocapdist._protocol.backoff import Backoff


def highest(low: float, high: float) -> float:
    assert low == 0.0  # full jitter: from none at all
    return high


def test_the_longest_delays_double_from_half_a_second_to_thirty_after_a_short_first() -> None:
    backoff = Backoff(highest)
    delays = [backoff.next() for _ in range(10)]
    assert delays == [0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_after_days_of_failures_it_is_still_half_a_minute() -> None:
    backoff = Backoff(highest)
    delays = [backoff.next() for _ in range(5000)]
    assert delays[-1] == 30.0


@pytest.mark.parametrize(("stood", "delay"), [(9.9, 2.0), (10.0, 0.2), (3600.0, 0.2)])
def test_a_connection_that_stood_ten_seconds_begins_the_row_anew(
    stood: float, delay: float
) -> None:
    backoff = Backoff(highest)
    for _ in range(3):
        backoff.next()
    backoff.lived(stood)
    assert backoff.next() == delay


@settings(deadline=None)
@given(st.integers(0, 2**32), st.lists(st.floats(0.0, 20.0) | st.none(), max_size=30))
def test_a_delay_is_never_negative_nor_longer_than_its_place_allows(
    seed: int, lives: list[float | None]
) -> None:
    backoff = Backoff(random.Random(seed).uniform)
    failures = 0
    for lived in lives:
        failures += 1
        assert 0.0 <= backoff.next() <= (0.2 if failures == 1 else min(30.0, 2.0**failures / 8))
        if lived is not None:
            backoff.lived(lived)
            failures = 0 if lived >= 10.0 else failures


def test_clients_of_one_gateway_do_not_all_come_back_at_once() -> None:
    delays = sorted(Backoff(random.Random(seed).uniform).next() for seed in range(200))
    assert delays[20] < 0.05
    assert delays[180] > 0.15
