"""What a quota is told when it is made, and what it tells: numbers, words and events."""

from __future__ import annotations

import math
from typing import Any

import pytest

from aiocapdist import Quota
from aiocapdist.events import Throttled, Unthrottled
from aiocapdist.quota._core.quota import scheduler_of

from .stubs import Asking, Clock, Watched, run_out, running, scheduler, tokens


@pytest.mark.parametrize("limit", [0, -1, 1.5, 30.0, "30", None, True])
def test_a_limit_is_a_whole_number_of_requests(limit: Any) -> None:
    with pytest.raises(ValueError, match="limit must be a whole number of requests, at least 1"):
        Quota(limit)


@pytest.mark.parametrize("period", [0, -1.0, math.inf, math.nan, "30", None])
def test_a_period_is_a_positive_number_of_seconds(period: Any) -> None:
    with pytest.raises(ValueError, match="period must be a positive number of seconds, not "):
        Quota(30, period)


@pytest.mark.parametrize("margin", [-0.001, math.inf, math.nan, "0", None])
def test_a_margin_is_a_number_of_seconds(margin: Any) -> None:
    with pytest.raises(ValueError, match="margin must be a number of seconds, 0 or more, not "):
        Quota(30, 30.0, margin=margin)


@pytest.mark.parametrize("reserve", [-1, 30, 31, 0.5, "1", None])
def test_a_reserve_leaves_sweeps_at_least_one_token(reserve: Any) -> None:
    with pytest.raises(ValueError, match="reserve must lie between 0 and limit - 1, not "):
        Quota(30, 30.0, reserve=reserve)


def test_what_it_was_made_with_can_be_read() -> None:
    quota = Quota(10, 5, reserve=9, margin=0)
    assert (quota.limit, quota.period, quota.reserve, quota.margin) == (10, 5, 9, 0)
    assert Quota().limit == 30
    assert Quota().period == 30.0


def test_its_repr_tells_where_it_stands() -> None:
    quota = Quota(3, 30.0)
    running(scheduler_of(quota))
    Asking(scheduler_of(quota), 5)
    scheduler_of(quota).pump()
    assert repr(quota) == "<Quota 3 per 30 s: 0 available, 2 waiting, 0 rejections>"


def test_it_can_be_read_before_and_after_anyone_uses_it() -> None:
    quota = Quota(3, 30.0)
    assert quota.available == 3
    assert quota.eta(3) == 0.0
    assert repr(quota).endswith("3 available, 0 waiting, 0 rejections>")
    clock = Clock(1000.0)
    watcher = Watched()
    scheduler = scheduler_of(quota)
    scheduler.attach(clock, watcher)
    Asking(scheduler, 1)
    scheduler.pump()
    scheduler.replied(clock())
    scheduler.pump()
    scheduler.detach(watcher)
    clock.ended = True
    assert quota.available == 2
    assert 29.0 < quota.eta(3) <= 30.05


def test_available_waiting_and_eta_are_live() -> None:
    quota = scheduler(2, 30.0, margin=0.0)
    clock = running(quota)
    assert (quota.available, quota.waiting, quota.eta()) == (2, 0, 0.0)
    Asking(quota, 3)
    assert (quota.available, quota.waiting) == (2, 3)
    # Two go at once, the third when the first two are back at the earliest.
    assert quota.eta() == 30.0
    quota.pump()
    assert (quota.available, quota.waiting) == (0, 1)
    clock.now = 1.0
    quota.replied(clock())
    quota.pump()
    assert tokens(quota) == (0, 1, 1)
    clock.now = 11.0
    assert quota.eta() == 30.0, "the one that waits goes first, in 20 s"
    assert quota.eta(2) == 50.0
    clock.now = 31.0
    assert quota.available == 1, "without anyone having pumped"
    quota.pump()
    assert (quota.available, quota.waiting) == (0, 0)


@pytest.mark.parametrize("n", [0, -1])
def test_an_eta_is_of_the_first_further_request_or_a_later_one(n: int) -> None:
    with pytest.raises(ValueError, match="at least 1, not"):
        Quota().eta(n)


def test_its_watchers_are_told_when_waiting_begins_and_ends() -> None:
    quota = scheduler(1, 30.0, margin=0.0)
    clock, watched, other = Clock(), Watched(), Watched()
    quota.attach(clock, watched)
    quota.attach(clock, other)
    place = Asking(quota, 1)
    quota.pump()
    assert watched.events == []
    place.ask(2)
    quota.pump()
    quota.pump()
    (throttled,) = watched.events
    assert isinstance(throttled, Throttled)
    assert (throttled.waiting, throttled.rejected) == (2, False)
    quota.reject()
    place.ask(1)
    quota.pump()
    assert [getattr(event, "rejected", None) for event in watched.events] == [False, True]
    quota.detach(other)
    while quota.waiting:
        run_out(quota, clock)
        quota.replied(clock())
        quota.pump()
    assert isinstance(watched.events[-1], Unthrottled)
    assert sum(isinstance(event, Unthrottled) for event in watched.events) == 1
    assert len(other.events) == 2, "it had left by then"
