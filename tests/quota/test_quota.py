"""The quota of one process: to whom it hands out tokens, and when they are back."""

from __future__ import annotations

from .stubs import Asking, run_out, running, scheduler, tokens


def test_a_refusal_is_counted_pauses_all_and_lowers_the_ceiling() -> None:
    quota = scheduler(30, 30.0)
    clock = running(quota)
    place = Asking(quota, 2)
    quota.pump()
    assert quota.reject(), "the request goes again"
    place.ask(1)
    quota.pump()
    assert (quota.rejections, quota.waiting, place.granted) == (1, 1, 2)
    assert quota.eta() == 0.5, "the pause, a sixtieth of the period"
    assert quota.available == 0
    clock.now = 0.5
    assert quota.available == 25, "the ceiling of 26, less the one in flight"
    quota.pump()
    assert (quota.waiting, place.granted) == (0, 3)
    assert tokens(quota) == (27, 2, 1)


def test_a_refused_token_is_not_counted_as_ours_but_does_not_serve_again_in_its_period() -> None:
    quota = scheduler(2, 30.0, margin=0.0)
    clock = running(quota)
    place = Asking(quota, 2)
    quota.pump()
    quota.reject()
    quota.replied(clock())
    quota.pump()
    place.ask(5)
    clock.now = 29.9
    quota.pump()
    assert place.granted == 2
    clock.now = 30.0
    quota.pump()
    assert place.granted > 2


def test_a_grant_that_asks_for_grants_itself_changes_no_order() -> None:
    """As when a sweep's own list of codes begins another sweep."""

    class Pumping(Asking):
        def grant(self, count: int, now: float) -> int:
            self.quota.pump()
            return super().grant(count, now)

    quota = scheduler(3, 30.0)
    running(quota)
    places = [Pumping(quota, 5), Pumping(quota, 5), Pumping(quota, 5)]
    quota.pump()
    assert [place.granted for place in places] == [1, 1, 1]
    assert tokens(quota) == (0, 3, 0)


def test_what_was_never_written_frees_its_token_at_once() -> None:
    quota = scheduler(2, 30.0)
    running(quota)
    place = Asking(quota, 3)
    quota.pump()
    quota.release()
    assert tokens(quota) == (1, 1, 0)
    quota.pump()
    assert (place.granted, tokens(quota)) == (3, (0, 2, 0))
    quota.release(2)
    assert tokens(quota) == (2, 0, 0)


def test_what_a_loss_left_open_expires_a_second_longer() -> None:
    quota = scheduler(3, 30.0)
    clock = running(quota)
    Asking(quota, 3)
    quota.pump()
    quota.lost(2)
    quota.replied(clock())
    quota.pump()
    clock.now = 30.05
    assert quota.available == 1
    clock.now = 31.04
    assert quota.available == 1
    clock.now = 31.05
    assert quota.available == 3


def test_sweeps_leave_the_reserve_to_single_calls() -> None:
    quota = scheduler(5, 30.0, reserve=2)
    clock = running(quota)
    sweep = Asking(quota, 10, patient=True)
    quota.pump()
    assert (sweep.granted, quota.available) == (3, 2)
    single = Asking(quota, 3)
    quota.pump()
    assert (single.granted, sweep.granted) == (2, 3)
    quota.lost(5)
    run_out(quota, clock)
    # What came back serves the single call first where it was longest in line.
    assert single.granted == 3
    assert tokens(quota)[0] == 2


def test_two_sweeps_and_single_calls_take_turns_whatever_their_length() -> None:
    quota = scheduler(30, 30.0)
    clock = running(quota)
    long, short = Asking(quota, 1000, patient=True), Asking(quota, 20, patient=True)
    singles = Asking(quota, 100)
    quota.pump()
    assert (long.granted, short.granted, singles.granted) == (10, 10, 10)
    clock.now = 1.0
    for _ in range(30):
        quota.replied(clock())
    quota.pump()
    run_out(quota, clock)
    assert (long.granted, short.granted, singles.granted) == (20, 20, 20)
    for _ in range(30):
        quota.replied(clock())
    quota.pump()
    run_out(quota, clock)
    assert (long.granted, short.granted, singles.granted) == (35, 20, 35)
