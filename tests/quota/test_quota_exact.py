"""The quota to the token and to the moment: what it grants, tells, counts and estimates.

Promises 4, 5, 6 and 9, where an error would be too small for the tests of the whole to see.
"""

from __future__ import annotations

import pytest

from aiocapdist.events import Throttled, Unthrottled
from aiocapdist.quota._core.scheduler import Scheduler

from .stubs import Asking, Clock, Watched, running, scheduler


def watched(quota: Scheduler) -> tuple[Clock, Watched]:
    clock, watcher = Clock(), Watched()
    quota.attach(clock, watcher)
    return clock, watcher


def test_a_place_that_waits_alone_gets_all_that_is_free_at_once() -> None:
    quota = scheduler(3, 30.0)
    running(quota)
    place = Asking(quota, 5)
    quota.pump()
    assert place.bursts == [3]


def test_a_patient_one_gets_all_but_the_reserve_and_two_places_get_one_each_in_turn() -> None:
    quota = scheduler(4, 30.0, reserve=1)
    running(quota)
    patient = Asking(quota, 5, patient=True)
    quota.pump()
    assert patient.bursts == [3]
    quota = scheduler(4, 30.0)
    running(quota)
    places = [Asking(quota, 5), Asking(quota, 5)]
    quota.pump()
    assert [place.bursts for place in places] == [[1, 1], [1, 1]]


def test_waiting_is_told_with_how_long_and_that_nobody_was_refused() -> None:
    quota = scheduler(1, 30.0, margin=0.0)
    clock, watcher = watched(quota)
    assert quota.try_acquire(0.0)
    clock.now = 10.0
    quota.replied(10.0)
    Asking(quota, 2)
    clock.now = 25.0
    quota.pump()
    assert watcher.events == [Throttled(eta=15.0, waiting=2, rejected=False)]


def test_who_gives_up_the_last_place_in_line_ends_the_waiting() -> None:
    quota = scheduler(1, 30.0)
    _, watcher = watched(quota)
    assert quota.try_acquire(0.0)
    places = [Asking(quota, 1), Asking(quota, 1)]
    quota.pump()
    quota.leave(places[0])
    assert len(watcher.events) == 1, "the other one waits"
    quota.leave(places[1])
    assert watcher.events[1:] == [Unthrottled()]


def test_each_refusal_is_counted() -> None:
    quota = scheduler(3, 30.0)
    clock = running(quota)
    for n in range(3):
        assert quota.try_acquire(clock.now)
        quota.reject()
        assert quota.rejections == n + 1
        clock.now = quota.ceiling.paused_until


def test_in_the_very_moment_that_a_pause_ends_the_next_may_go() -> None:
    quota = scheduler(3, 30.0)
    clock = running(quota)
    assert quota.try_acquire(0.0)
    quota.reject()
    end = quota.ceiling.paused_until
    assert not quota.try_acquire(end - 0.001)
    clock.now = end
    assert quota.available == 2
    assert quota.try_acquire(end)


def test_in_the_very_moment_that_the_ceiling_rises_there_is_one_more() -> None:
    quota = scheduler(4, 30.0, margin=30.0)
    clock = running(quota)
    for _ in range(2):  # two steps down, and by two halves one up
        assert quota.try_acquire(clock.now)
        quota.reject()
        clock.now = quota.ceiling.paused_until
    low, before = quota.ceiling.value, 0
    while quota.ceiling.value == low:
        clock.now = quota.ceiling.next_change
        before = quota.available
        assert quota.try_acquire(clock.now)
        quota.release()
    assert before == quota.available
    assert quota.ceiling.next_change > clock.now, "what was due now was done"


@pytest.mark.parametrize(("position", "seconds"), [(1, 0.0), (2, 30.0), (3, 60.0), (5, 90.0)])
def test_an_estimate_in_a_place_counts_the_others_turns_too(position: int, seconds: float) -> None:
    """Two tokens: the other place's first goes before or between, and its second as well."""
    quota = scheduler(2, 30.0, margin=0.0)
    running(quota)
    other, mine = Asking(quota, 2), Asking(quota, 6)
    assert quota.queue.ahead_of(mine, position) == min(2, position)
    assert quota.eta_of(mine, position) == seconds
    assert quota.eta_of(other, 3) == 60.0


def test_a_period_may_be_shorter_than_a_second() -> None:
    quota = scheduler(1, 0.5, margin=0.0)
    clock = running(quota)
    assert quota.try_acquire(0.0)
    quota.replied(0.0)
    clock.now = 0.49
    assert quota.available == 0
    clock.now = 0.5
    assert quota.available == 1
