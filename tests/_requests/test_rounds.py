"""Turns of a watch's codes: pure, with times as arguments."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocapdist import Market, Security
from aiocapdist._requests.rounds import Rounds, WatchedCode


def watched(symbol: object, market: Market = Market.HK) -> WatchedCode:
    security = Security(market, str(symbol))
    return WatchedCode(str(security), security)


def rounds_of(n: int, every: float, rate: float) -> tuple[Rounds, list[WatchedCode]]:
    rounds, codes = Rounds(every, rate), [watched(i) for i in range(n)]
    for code in codes:
        rounds.add(code)
    return rounds, codes


def turns(
    rounds: Rounds, until: float, now: float = 0.0, delay: float = 0.0
) -> list[tuple[float, WatchedCode]]:
    """Serve codes as they are due, each ``delay`` late; return the times and the codes."""
    served = []
    while (due := max(now, rounds.due)) <= until:
        now = due
        code = rounds.pick(now)
        assert code is not None
        now += delay
        rounds.served(now)
        served.append((now, code))
    return served


def test_nothing_is_due_without_codes() -> None:
    rounds = Rounds(60.0, 1.0)
    assert rounds.due == inf
    assert rounds.pick(0.0) is None


def test_the_first_round_is_at_once_and_the_second_evenly_from_every_on() -> None:
    rounds, codes = rounds_of(40, every=60.0, rate=1.0)
    first, rest = turns(rounds, until=59.9), turns(rounds, until=179.9, now=59.9)
    assert [code for _, code in first] == codes
    assert {at for at, _ in first} == {0.0}
    assert [code for _, code in rest] == codes * 2
    assert [at for at, _ in rest] == pytest.approx([60.0 + 1.5 * n for n in range(80)])
    assert rounds.round_time == pytest.approx(60.0)


def test_too_many_codes_take_longer_and_are_as_evenly_spread() -> None:
    rounds, codes = rounds_of(90, every=60.0, rate=0.5)
    assert rounds.span == 180.0
    later = turns(rounds, until=900.0)[90:]
    assert [code for _, code in later[:180]] == codes * 2
    gaps = [b - a for (a, _), (b, _) in pairwise(later)]
    assert min(gaps) == pytest.approx(2.0)
    assert max(gaps) == pytest.approx(2.0)
    assert rounds.round_time == pytest.approx(180.0)


def test_a_turn_that_is_late_delays_no_other() -> None:
    rounds, _ = rounds_of(10, every=60.0, rate=1.0)
    turns(rounds, until=59.0)
    assert rounds.pick(60.0) is not None
    rounds.served(71.0)  # it had to wait, and so had the next one, due at 66
    later = [at for at, _ in turns(rounds, until=100.0, now=71.0)]
    assert later == pytest.approx([72.0, 73.0, 78.0, 84.0, 90.0, 96.0])


def test_no_more_than_one_round_is_made_up_for() -> None:
    rounds, codes = rounds_of(10, every=60.0, rate=1.0)
    turns(rounds, until=59.0)
    later = turns(rounds, until=10_060.0, now=10_000.0)
    soon = [at for at, _ in later if at < 10_015.0]
    assert len(soon) == pytest.approx(len(codes) + 2, abs=1)
    assert min(b - a for a, b in pairwise(soon)) >= 1.0, "at the quota's rate"
    assert [code for _, code in later[:10]] == codes


def test_codes_that_keep_being_added_do_not_hold_up_the_others() -> None:
    rounds, codes = rounds_of(10, every=10.0, rate=1.0)
    turns(rounds, until=9.9)
    served: Counter[bool] = Counter()
    now = 10.0
    for n in range(200):
        extra = watched(f"x{n}")
        rounds.add(extra)
        code = rounds.pick(now)
        assert code is not None
        rounds.served(now)
        served[code in codes] += 1
        rounds.discard(extra)
        now += 1.0
    assert served[True] >= 90


def test_a_new_code_joins_the_round_behind_all_others() -> None:
    rounds, codes = rounds_of(4, every=8.0, rate=1.0)
    turns(rounds, until=7.9)
    extra = watched("new")
    rounds.add(extra)
    assert rounds.due == -inf
    (at, code), *_ = turns(rounds, until=7.9, now=7.9)
    assert (at, code) == (7.9, extra)
    assert [code for _, code in turns(rounds, until=15.9, now=8.0)] == [*codes, extra]


def test_codes_rest_with_their_market_and_come_back_evenly() -> None:
    rounds = Rounds(60.0, 1.0)
    hong_kong = [watched(n) for n in range(3)]
    new_york = [watched(n, Market.US) for n in range(3)]
    for code in (*hong_kong, *new_york):
        rounds.add(code)
    turns(rounds, until=59.9)
    for _ in hong_kong:
        rounds.pick(60.0)
        rounds.rest()
    awake = turns(rounds, until=179.9, now=60.0)
    assert [code for _, code in awake] == new_york * 2
    assert [at for at, _ in awake] == pytest.approx([60, 80, 100, 120, 140, 160])
    rounds.wake(Market.HK, 181.0)
    rounds.wake(Market.SH, 181.0)
    both = turns(rounds, until=239.9, now=181.0)
    assert [code for _, code in both] == [*new_york, *hong_kong]
    assert [at for at, _ in both] == pytest.approx([180, 190, 200, 210, 220, 230], abs=2)


def test_a_market_that_opens_beside_a_single_code_is_asked_within_a_round() -> None:
    rounds, lonely = Rounds(60.0, 1.0), watched(1, Market.AU)
    codes = [watched(n) for n in range(5)]
    for code in (lonely, *codes):
        rounds.add(code)
    turns(rounds, until=59.9)
    turns(rounds, until=60.0, now=60.0)
    for _ in codes:
        rounds.pick(119.9)
        rounds.rest()
    turns(rounds, until=120.5, now=120.0)
    rounds.wake(Market.HK, 125.0)
    woken = turns(rounds, until=185.0, now=125.0)
    assert {code for _, code in woken} == {lonely, *codes}
    assert max(at for at, code in woken[:6]) <= 185.0


def test_a_night_belongs_to_no_round() -> None:
    rounds, codes = rounds_of(3, every=60.0, rate=1.0)
    turns(rounds, until=59.9)
    for _ in codes:
        rounds.pick(60.0)
        rounds.rest()
    assert rounds.due == inf
    rounds.wake(Market.HK, 60_000.0)
    woken = turns(rounds, until=60_119.0, now=60_000.0)
    assert [at for at, _ in woken] == pytest.approx([60_000.0 + 20 * n for n in range(6)])
    assert rounds.round_time == pytest.approx(60.0)


def test_a_discarded_code_has_no_turn_wherever_it_is() -> None:
    rounds, codes = rounds_of(5, every=10.0, rate=1.0)
    rounds.discard(codes[0])
    turns(rounds, until=9.9)
    assert rounds.pick(10.0) is codes[1]
    rounds.discard(codes[1])
    assert rounds.next is None
    assert rounds.pick(10.0) is codes[2]
    rounds.rest()
    rounds.discard(codes[2])
    rounds.wake(Market.HK, 11.0)
    assert {code for _, code in turns(rounds, until=40.0, now=11.0)} == set(codes[3:])


@given(
    n=st.integers(1, 50),
    every=st.floats(0.1, 100.0),
    rate=st.floats(0.05, 50.0),
    seed=st.integers(0, 999),
)
def test_no_code_is_more_than_one_turn_ahead(n: int, every: float, rate: float, seed: int) -> None:
    """Whatever the delays, and never faster than the quota's rate after the first round."""
    drawn = random.Random(seed)
    rounds, codes = rounds_of(n, every, rate)
    count = Counter(dict.fromkeys((code.code for code in codes), 0))
    now, last = 0.0, -inf
    for turn in range(5 * n):
        now = max(now, rounds.due)
        code = rounds.pick(now)
        assert code is not None
        now += drawn.choice([0.0, 0.0, 0.1, every])
        rounds.served(now)
        count[code.code] += 1
        assert max(count.values()) - min(count.values()) <= 1
        if turn > n:
            assert now - last >= 1 / rate * (1 - 1e-9)
        last = now
