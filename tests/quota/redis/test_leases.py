"""A owner's leases without a server: what is in the pocket, what is to be told, and what is
known of the others."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from aiocapdist.quota._redis.exchange import Grant, Report, Terms, TokenRequest
from aiocapdist.quota._redis.leases import Leases

TERMS = Terms(limit=4, period=30.0, margin=0.0, lease=9.0)


class Told:
    """Whether there was news."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def fresh(fallback: int = 0) -> Leases:
    leases = Leases(TERMS, fallback, Told())
    leases.owner = "me"
    return leases


def answer(*counted: float, granted: int = 0, rejected: tuple[float, ...] = ()) -> Grant:
    return Grant(1, granted, wait=0.0, cold=0.0, rejections=0, counted=counted, rejected=rejected)


def exchange(leases: Leases, now: float, want: int, said: Grant) -> Report:
    report = leases.report(now, TokenRequest(want, want, TERMS.limit))
    leases.succeeded(report, said, now)
    return report


def holding(count: int = 2, now: float = 0.0) -> Leases:
    """So many requests are under way."""
    leases = fresh()
    exchange(leases, now, count, answer(*[39.0] * count, granted=count))
    assert leases.acquire(count) == count
    return leases


def sums(leases: Leases) -> tuple[int, int, int]:
    assert leases.free + leases.held + leases.expiring == TERMS.limit
    return leases.free, leases.held, leases.expiring


def test_before_it_has_heard_anything_nothing_is_free() -> None:
    leases = fresh()
    assert sums(leases) == (0, 0, 4)
    assert (leases.usable(4), leases.acquire(1), leases.eta(1, 0.0, 4)) == (0, 0, inf)


def test_each_report_names_its_owner_and_the_latest_exchange_that_was_heard_of() -> None:
    """By that an old copy of the book is known."""
    leases = fresh()
    assert exchange(leases, 0.0, 0, answer()).heard == 0
    assert exchange(leases, 1.0, 0, replace(answer(), number=7)).heard == 1
    for report in (leases.report(2.0, TokenRequest()), leases.final_report(2.0)):
        assert (report.owner, report.heard) == ("me", 7)


def test_what_was_granted_is_used_and_what_was_not_used_goes_back() -> None:
    leases = fresh()
    report = exchange(leases, 0.0, 3, answer(39.0, 39.0, 39.0, granted=3))
    assert report.names == ("me.0", "me.1", "me.2")
    assert (leases.unspent, leases.usable(4), sums(leases)) == (3, 4, (4, 0, 0))
    assert leases.acquire(4) == 3
    assert (leases.unspent, leases.has_news, sums(leases)) == (0, False, (1, 3, 0))
    leases.release()
    assert leases.has_news
    report = exchange(leases, 1.0, 0, answer(38.0, 38.0))
    assert len(report.unused) == 1
    assert set(report.renewed) == {*leases._held}
    assert (leases.has_news, sums(leases)) == (False, (2, 2, 0))


def test_one_that_is_granted_and_release_may_be_used_again_at_once() -> None:
    leases = holding(2)
    leases.release()
    assert (leases.acquire(2), leases.held) == (1, 2)


def test_a_lease_that_has_ended_is_not_used() -> None:
    leases = fresh()
    exchange(leases, 5.0, 2, answer(39.0, 39.0, granted=2))
    assert leases.next_back == 14.0
    leases.advance(13.9)
    assert leases.unspent == 2
    leases.advance(14.0)
    assert (leases.unspent, leases.acquire(1), leases.has_news) == (0, 0, True)
    assert set(leases.report(14.0, TokenRequest()).unused) == {"me.0", "me.1"}


def test_what_is_held_is_renewed_in_time() -> None:
    leases = holding(2, now=10.0)
    assert leases.renew_at == 13.0
    exchange(leases, 13.0, 0, answer(39.0, 39.0))
    assert leases.renew_at == 16.0
    leases.settle(2, 14.0)
    assert leases.renew_at == inf


def test_news_that_comes_during_an_exchange_stays_news() -> None:
    leases = holding(3)
    leases.settle(1, 1.0)
    report = leases.report(1.0, TokenRequest())
    leases.settle(1, 1.1)
    leases.release()
    leases.succeeded(report, answer(30.0), 1.2)
    later = leases.report(1.2, TokenRequest())
    assert len(report.settled) == 1
    assert len(later.settled) == 1
    assert later.settled != report.settled
    assert len(later.unused) == 1
    assert later.settled[0].back_at == 31.1


def test_what_failed_is_told_again_and_what_it_asked_for_is_not_used() -> None:
    leases = holding(1)
    leases.settle(1, 1.0, grace=1.0, rejected=True)
    failed = leases.report(2.0, TokenRequest(2, 2, 4))
    leases.failed(failed)
    again = leases.report(3.0, TokenRequest())
    assert again.settled == failed.settled
    assert again.settled[0][1:] == (32.0, True)
    assert again.unused == failed.names


def test_news_is_announced() -> None:
    told = Told()
    leases = Leases(TERMS, 0, told)
    exchange(leases, 0.0, 2, answer(39.0, 39.0, granted=2))
    leases.acquire(2)
    assert told.times == 0
    leases.settle(1, 1.0)
    leases.release()
    assert told.times == 2


def test_the_ceiling_is_of_what_all_have_spent() -> None:
    leases = fresh()
    exchange(leases, 0.0, 1, answer(10.0, 20.0, 39.0, granted=1))
    assert (leases.usable(4), leases.usable(3), leases.usable(2)) == (2, 1, 0)
    exchange(leases, 0.0, 0, answer(10.0, rejected=(20.0, 20.0)))
    assert (leases.usable(4), leases.usable(1)) == (1, 0)


def test_what_others_spent_comes_back_without_anyone_telling() -> None:
    leases = fresh()
    exchange(leases, 100.0, 0, answer(5.0, 10.0, rejected=(7.0,)))
    assert (sums(leases), leases.next_back) == ((1, 0, 3), 105.0)
    assert [leases.eta(n, 100.0, 4) for n in (1, 2, 3, 4, 5)] == [0.0, 5.0, 7.0, 10.0, 30.0]
    leases.advance(107.0)
    assert (sums(leases), leases.next_back) == ((3, 0, 1), 110.0)


def test_a_server_that_forgot_what_is_held_here_is_not_believed() -> None:
    leases = holding(3)
    exchange(leases, 1.0, 0, answer())
    assert sums(leases) == (1, 3, 0)


def test_on_another_loop_all_times_move_with_the_clock() -> None:
    leases = fresh(fallback=1)
    exchange(leases, 0.0, 3, answer(39.0, granted=3, rejected=(20.0,)))
    leases.acquire(2)
    leases.settle(1, 1.0)
    leases.shift(1000.0)
    assert leases.next_back == 1009.0
    assert leases.renew_at == 1003.0
    report = leases.report(1005.0, TokenRequest())
    assert report.settled[0].back_at == 1031.0
    leases.succeeded(report, answer(), 1005.0)
    leases.lose_server(1006.0)
    leases.shift(-1000.0)
    assert leases.next_back == 46.0


def test_its_last_words_settle_what_is_held() -> None:
    leases = holding(3)
    leases.settle(1, 1.0)
    leases.release()
    last = leases.final_report(2.0)
    assert sorted(lease.back_at for lease in last.settled) == [31.0, 33.0]
    assert len(last.unused) == 1
    assert (last.names, last.renewed) == ((), ())


# ---- while the server is away


def test_out_of_sight_nothing_is_free_and_the_unspent_is_not_used() -> None:
    leases = fresh()
    exchange(leases, 0.0, 3, answer(39.0, 39.0, 39.0, granted=3))
    leases.acquire(1)
    leases.lose_server(1.0)
    assert (sums(leases), leases.usable(4), leases.acquire(1)) == ((0, 1, 3), 0, 0)
    assert leases.eta(1, 1.0, 4) == inf
    leases.advance(1000.0)
    assert leases.usable(4) == 0
    assert len(leases.report(1000.0, TokenRequest()).unused) == 2


def test_what_has_expired_meanwhile_is_no_news() -> None:
    leases = holding(2)
    leases.lose_server(1.0)
    leases.settle(2, 2.0)
    leases.advance(31.9)
    assert leases.has_news
    leases.advance(32.0)
    assert not leases.has_news


@pytest.fixture
def alone() -> Leases:
    """With two tokens of its own, from 41 s on."""
    leases = fresh(fallback=2)
    exchange(leases, 0.0, 2, answer(39.0, 39.0, granted=2))
    leases.acquire(2)
    leases.settle(1, 0.5)
    leases.lose_server(1.0)
    leases.lose_server(5.0)
    leases.advance(40.9)
    assert (leases.usable(4), leases.next_back) == (0, 41.0)
    leases.advance(41.0)
    return leases


def test_a_share_is_used_when_all_else_has_expired(alone: Leases) -> None:
    assert (sums(alone), alone.usable(4)) == ((1, 1, 2), 1), "one is under way still"
    assert alone.acquire(3) == 1
    assert (alone.usable(4), alone.acquire(1)) == (0, 0)
    alone.settle(2, 50.0)
    assert (sums(alone), alone.next_back) == ((0, 0, 4), 80.0)
    assert [alone.eta(n, 50.0, 4) for n in (1, 2, 3)] == [30.0, 30.0, 60.0]
    alone.advance(80.0)
    assert (alone.usable(4), alone.usable(1)) == (2, 1)
    assert alone.acquire(2, leave=1) == 1
    assert alone.eta(2, 80.0, 4) == 30.0


def test_of_the_share_too_rejected_ones_are_not_spent(alone: Leases) -> None:
    alone.settle(1, 42.0, rejected=True)
    assert (alone.usable(4), alone.usable(1)) == (1, 1)
    assert alone.eta(2, 42.0, 4) == 30.0


def test_one_of_the_share_that_was_not_written_is_free_at_once(alone: Leases) -> None:
    alone.settle(1, 41.0)
    alone.acquire(1)
    alone.release()
    assert alone.usable(4) == 1
    assert alone.unspent == 0


def test_one_from_before_that_was_not_written_goes_back_to_the_server(alone: Leases) -> None:
    alone.release()
    assert alone.unspent == 1
    assert len(alone.report(42.0, TokenRequest()).unused) == 1


def test_what_the_share_spent_is_told_when_the_server_is_back(alone: Leases) -> None:
    alone.settle(1, 41.0)
    alone.acquire(1)
    report = exchange(alone, 45.0, 0, answer(26.0, 30.0))
    assert len(report.settled) == 1
    assert len(report.renewed) == 1
    assert (sums(alone), alone.renew_at) == ((2, 1, 1), 48.0)
