"""What need not wait goes at once: a burst to a place alone, a single call past an empty line."""

from __future__ import annotations

import pytest

from aiocapdist.events import Throttled
from aiocapdist.quota._core.ledger import Ledger
from aiocapdist.quota._core.scheduler import Scheduler

from .stubs import Asking, Clock, Watched, run_out, running, scheduler, tokens


def answer(quota: Scheduler, clock: Clock, n: int) -> None:
    for _ in range(n):
        quota.replied(clock())


# ---- bursts


def test_a_place_alone_is_given_all_that_is_free_at_once() -> None:
    quota = scheduler(30, 30.0)
    running(quota)
    place = Asking(quota, 100)
    quota.pump()
    assert (place.bursts, tokens(quota)) == ([30], (0, 30, 0))


def test_what_it_does_not_use_of_them_stays_free() -> None:
    quota = scheduler(30, 30.0)
    running(quota)
    place = Asking(quota, 7)
    quota.pump()
    assert (place.granted, tokens(quota)) == (7, (23, 7, 0))
    assert quota.available == 23


def test_a_sweep_alone_is_given_what_is_beyond_the_reserve() -> None:
    quota = scheduler(30, 30.0, reserve=10)
    running(quota)
    sweep = Asking(quota, 100, patient=True)
    quota.pump()
    assert (sweep.bursts, tokens(quota)) == ([20], (10, 20, 0))


def test_no_more_at_once_than_the_ceiling_allows() -> None:
    quota = scheduler(30, 30.0)
    clock = running(quota)
    place = Asking(quota, 1)
    quota.pump()
    quota.reject()
    clock.now = 1.0
    place.ask(100)
    quota.pump()
    assert place.bursts == [1, 26]
    assert tokens(quota) == (3, 26, 1)


def test_who_joins_between_two_bursts_takes_turns_from_then_on() -> None:
    quota = scheduler(10, 30.0)
    clock = running(quota)
    first = Asking(quota, 100)
    quota.pump()
    answer(quota, clock, 10)
    quota.pump()
    other = Asking(quota, 100)
    run_out(quota, clock)
    assert first.bursts == [10, *[1] * 5]
    assert other.bursts == [1] * 5


def test_who_joins_within_a_turn_has_the_next_one() -> None:
    """As when the codes of a sweep are made by code that begins another: it asks for one."""
    others = []

    class Beginning(Asking):
        def grant(self, count: int, now: float) -> int:
            if self.granted == 3:
                others.append(Asking(self.quota, 100))
            return super().grant(min(count, 1), now)

    quota = scheduler(9, 30.0)
    running(quota)
    first = Beginning(quota, 100)
    quota.pump()
    assert (first.granted, others[0].granted) == (6, 3)
    assert set(first.bursts + others[0].bursts) == {1}


def test_who_is_left_alone_is_given_the_rest_at_once() -> None:
    quota = scheduler(10, 30.0)
    running(quota)
    short, long = Asking(quota, 2), Asking(quota, 100)
    quota.pump()
    assert short.bursts == [1, 1]
    assert sum(long.bursts) == 8
    assert max(long.bursts) > 1


# ---- a single call


def test_a_single_call_takes_a_free_token_where_nobody_waits() -> None:
    quota = scheduler(2, 30.0, margin=0.0)
    clock, watched = Clock(), Watched()
    quota.attach(clock, watched)
    assert [quota.try_acquire(clock()) for _ in range(3)] == [True, True, False]
    assert tokens(quota) == (0, 2, 0)
    assert watched.events == [], "nobody waited"
    answer(quota, clock, 2)
    assert not quota.try_acquire(clock())
    clock.now = 30.0
    assert quota.try_acquire(clock())


@pytest.mark.parametrize("patient", [False, True], ids=["a call", "a sweep"])
def test_it_never_overtakes_someone_who_waits(patient: bool) -> None:
    quota = scheduler(2, 30.0)
    clock = running(quota)
    place = Asking(quota, 1, patient=patient)
    assert quota.available == 2
    assert not quota.try_acquire(clock()), "it was not granted yet, but it was first"
    quota.pump()
    assert place.granted == 1
    assert quota.try_acquire(clock())


def test_not_even_a_sweep_that_only_the_reserve_keeps_waiting() -> None:
    quota = scheduler(3, 30.0, reserve=2)
    clock = running(quota)
    sweep = Asking(quota, 5, patient=True)
    quota.pump()
    assert (sweep.granted, quota.available) == (1, 2)
    assert not quota.try_acquire(clock())
    single = Asking(quota, 2)
    quota.pump()
    assert single.granted == 2, "in line it takes of the reserve all the same"


def test_nor_anyone_in_the_middle_of_a_grant() -> None:
    taken = []

    class Asks(Asking):
        def grant(self, count: int, now: float) -> int:
            self.quota.leave(self)
            taken.append(self.quota.try_acquire(now))
            return super().grant(count, now)

    quota = scheduler(3, 30.0)
    running(quota)
    place = Asks(quota, 3)
    quota.pump()
    assert (taken, place.granted) == ([False], 3)


def test_after_a_refusal_it_waits_out_the_pause_and_minds_the_ceiling() -> None:
    quota = scheduler(3, 30.0)
    clock = running(quota)
    assert quota.try_acquire(clock())
    quota.reject()
    assert not quota.try_acquire(clock())
    clock.now = 1.0
    assert [quota.try_acquire(clock()) for _ in range(3)] == [True, True, False]
    answer(quota, clock, 2)
    clock.now = 29.9
    assert not quota.try_acquire(clock())
    clock.now = 31.1
    assert quota.try_acquire(clock())


# ---- replies, settled when next someone needs to know


def test_each_reply_counts_from_its_own_time_though_nobody_waited() -> None:
    quota = scheduler(2, 30.0, margin=0.0)
    clock = running(quota)
    assert all(quota.try_acquire(clock()) for _ in range(2))
    for clock.now in (1.0, 4.0):
        quota.replied(clock.now)
        quota.pump()
    clock.now = 10.0
    assert not quota.try_acquire(clock()), "the next call, six seconds later"
    assert tokens(quota) == (0, 0, 2)
    assert (quota.eta(1), quota.eta(2)) == (21.0, 24.0)
    for clock.now, available in ((30.9, 0), (31.0, 1), (33.9, 1), (34.0, 2)):
        assert quota.available == available


def test_replies_of_one_read_are_settled_together() -> None:
    quota = scheduler(30, 30.0, margin=0.0)
    clock = running(quota)
    assert all(quota.try_acquire(clock()) for _ in range(30))
    for clock.now in (1.0, 2.0):
        answer(quota, clock, 15)
    assert tokens(quota) == (0, 0, 30)
    assert isinstance(quota.store, Ledger)
    assert len(quota.store._rows) == 2
    for clock.now, available in ((31.0, 15), (32.0, 30)):
        assert quota.available == available


def test_a_reply_of_the_same_moment_as_an_earlier_ones_is_another() -> None:
    quota = scheduler(2, 30.0, margin=0.0)
    clock = running(quota)
    assert all(quota.try_acquire(clock()) for _ in range(2))
    for held in (1, 0):
        quota.replied(clock())
        assert tokens(quota) == (0, held, 2 - held)


def test_a_place_that_comes_after_unsettled_replies_is_told_how_long_it_waits() -> None:
    quota = scheduler(1, 30.0, margin=0.0)
    clock, watched = Clock(), Watched()
    quota.attach(clock, watched)
    assert quota.try_acquire(clock())
    quota.replied(clock())
    clock.now = 12.0
    place = Asking(quota, 1)
    quota.pump()
    (throttled,) = watched.events
    assert isinstance(throttled, Throttled)
    assert throttled.eta == 18.0
    run_out(quota, clock)
    assert (place.granted, clock.now) == (1, 30.0)
