"""Backoff: a short first delay, then full jitter, doubling up to 30 s."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocapdist._protocol.backoff import Backoff


def highest(low: float, high: float) -> float:
    assert low == 0.0  # full jitter: from none at all
    return high


def test_after_a_short_first_delay_the_longest_double_from_half_a_second_to_thirty() -> None:
    backoff = Backoff(highest)
    delays = [backoff.next() for _ in range(10)]
    assert delays == [0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_after_days_of_failures_the_longest_delay_is_thirty_seconds() -> None:
    backoff = Backoff(highest)
    delays = [backoff.next() for _ in range(5000)]
    assert delays[-1] == 30.0


def after_failures(count: int) -> Backoff:
    backoff = Backoff(highest)
    for _ in range(count):
        backoff.next()
    return backoff


@pytest.mark.parametrize("seconds", [0.0, 3.0, 9.9])
def test_a_connection_that_answered_was_a_good_one_however_short(seconds: float) -> None:
    backoff = after_failures(12)
    backoff.connected(seconds, answered=True)
    assert [backoff.next(), backoff.next()] == [0.2, 0.5]


def test_an_idle_connection_that_was_ready_for_ten_seconds_was_a_good_one() -> None:
    backoff = after_failures(12)
    backoff.connected(10.0, answered=False)
    assert backoff.next() == 0.2


def test_after_a_handshake_that_succeeded_the_delay_stays_small() -> None:
    backoff = after_failures(12)
    for _ in range(5):
        backoff.connected(0.0, answered=False)
        assert backoff.next() == 1.0


def test_a_handshake_does_not_make_a_short_delay_longer() -> None:
    backoff = Backoff(highest)
    backoff.connected(0.0, answered=False)
    assert backoff.next() == 0.2


@given(
    st.integers(0, 2**32),
    st.lists(st.none() | st.tuples(st.floats(0.0, 20.0), st.booleans()), max_size=30),
)
def test_a_delay_is_never_negative_nor_longer_than_its_attempt_allows(
    seed: int, lives: list[tuple[float, bool] | None]
) -> None:
    backoff = Backoff(random.Random(seed).uniform)
    failures = 0
    for lived in lives:
        failures += 1
        assert 0.0 <= backoff.next() <= (0.2 if failures == 1 else min(30.0, 2.0**failures / 8))
        if lived is not None:
            seconds, answered = lived
            backoff.connected(seconds, answered=answered)
            failures = 0 if answered or seconds >= 10.0 else min(failures, 2)


def test_clients_of_one_gateway_reconnect_at_different_times() -> None:
    delays = sorted(Backoff(random.Random(seed).uniform).next() for seed in range(200))
    assert delays[20] < 0.05
    assert delays[180] > 0.15
