"""The ledger: tokens are conserved, and never free before a period after the reply."""

from __future__ import annotations

import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aiocapdist.quota._core.ledger import Ledger


def test_a_token_comes_back_a_period_and_a_margin_after_the_reply() -> None:
    ledger = Ledger(1, 30.0, 0.05)
    ledger.acquire()
    assert (ledger.free, ledger.held, ledger.expiring) == (0, 1, 0)
    ledger.settle(1, 100.0)
    assert ledger.next_back == pytest.approx(130.05)
    ledger.advance(130.04)
    assert ledger.free == 0
    ledger.advance(130.05)
    assert (ledger.free, ledger.held, ledger.expiring) == (1, 0, 0)
    assert ledger.next_back == math.inf


def test_a_lost_connection_adds_its_grace() -> None:
    ledger = Ledger(2, 30.0, 0.0)
    ledger.acquire()
    ledger.settle(1, 0.0, grace=1.0)
    ledger.advance(30.9)
    assert ledger.free == 1
    ledger.advance(31.0)
    assert ledger.free == 2


def test_what_was_never_written_is_free_at_once() -> None:
    ledger = Ledger(1, 30.0, 0.05)
    ledger.acquire()
    ledger.release()
    assert (ledger.free, ledger.held) == (1, 0)


def test_refused_ones_expire_but_do_not_count_as_spent() -> None:
    ledger = Ledger(3, 30.0, 0.0)
    for _ in range(3):
        ledger.acquire()
    ledger.settle(1, 0.0, rejected=True)
    ledger.settle(1, 0.0)
    assert (ledger.expiring, ledger.expiring_rejected) == (2, 1)
    ledger.advance(30.0)
    assert (ledger.held, ledger.free, ledger.expiring_rejected) == (1, 2, 0)


def test_rows_come_back_in_the_order_of_their_times() -> None:
    ledger = Ledger(2, 10.0, 0.0)
    ledger.acquire()
    ledger.acquire()
    ledger.settle(1, 0.0, grace=5.0)
    ledger.settle(1, 0.0)
    assert ledger.next_back == 10.0
    ledger.advance(10.0)
    assert ledger.next_back == 15.0


@pytest.mark.parametrize(
    ("n", "seconds"),
    [(1, 0.0), (2, 0.0), (3, 20.0), (4, 30.0), (5, 30.0), (6, 30.0), (7, 50.0), (9, 60.0)],
)
def test_eta_walks_through_free_expiring_and_held_tokens(n: int, seconds: float) -> None:
    ledger = Ledger(4, 30.0, 0.0)
    ledger.acquire()
    ledger.settle(1, -10.0)  # back at 20
    ledger.acquire()  # held: at best back at 30
    assert ledger.eta(n, 0.0, 4) == seconds


def test_eta_with_a_lower_ceiling_uses_the_last_tokens_back() -> None:
    ledger = Ledger(3, 30.0, 0.0)
    ledger.acquire()
    ledger.settle(1, -10.0)
    assert ledger.eta(1, 0.0, 1) == 20.0
    assert ledger.eta(2, 0.0, 1) == 50.0


def granted_after(ledger: Ledger, n: int, now: float, ceiling: int) -> float:
    """Seconds until the ``n``-th grant where each goes as soon as it may, and is answered."""
    ledger = copy.deepcopy(ledger)
    ledger.settle(ledger.held, now)
    began = now
    while True:
        ledger.advance(now)
        for _ in range(ledger.usable(ceiling)):
            ledger.acquire()
            ledger.settle(1, now)
            n -= 1
            if not n:
                return now - began
        now = ledger.next_back


@given(
    st.lists(st.tuples(st.integers(0, 31), st.booleans()), max_size=6),
    *(st.integers(0, 3), st.integers(0, 3), st.integers(1, 6), st.integers(1, 40)),
)
def test_eta_is_when_it_goes_whatever_expires_and_whatever_was_refused(
    expiring: list[tuple[int, bool]], held: int, free: int, ceiling: int, n: int
) -> None:
    limit = max(1, len(expiring) + held + free)
    ledger = Ledger(limit, 32.0, 0.0)
    for ago, refused in expiring:
        ledger.acquire()
        ledger.settle(1, -float(ago), rejected=refused)
    ledger.acquire(held)
    ceiling = min(ceiling, limit)
    assert ledger.eta(n, 0.0, ceiling) == granted_after(ledger, n, 0.0, ceiling)


@pytest.mark.parametrize(
    ("n", "ceiling", "seconds"),
    [
        *((1, 4, 0.0), (2, 4, 20.0), (3, 4, 25.0), (4, 4, 28.0), (5, 4, 30.0)),
        *((1, 3, 0.0), (2, 3, 20.0), (3, 3, 25.0), (4, 3, 30.0), (6, 3, 55.0)),
        *((1, 2, 20.0), (2, 2, 25.0), (3, 2, 50.0), (4, 2, 55.0)),
        *((1, 1, 25.0), (2, 1, 55.0)),
    ],
)
def test_what_was_refused_is_no_token_yet_but_makes_no_other_wait(
    n: int, ceiling: int, seconds: float
) -> None:
    """Two counted ones, back at 20 and 25; one refused, back at 28; one that is free."""
    ledger = Ledger(4, 30.0, 0.0)
    for at, refused in ((-10.0, False), (-5.0, False), (-2.0, True)):
        ledger.acquire()
        ledger.settle(1, at, rejected=refused)
    assert ledger.eta(n, 0.0, ceiling) == seconds


def test_another_clock_changes_no_distance() -> None:
    ledger = Ledger(2, 30.0, 0.0)
    for _ in range(2):
        ledger.acquire()
    ledger.settle(1, 0.0)
    ledger.settle(1, 5.0)
    ledger.shift(1000.0)
    assert ledger.next_back == 1030.0
    ledger.advance(1030.0)
    assert ledger.free == 1
    assert ledger.next_back == 1035.0


class Conservation(RuleBasedStateMachine):
    """Whatever happens, in whatever order: free + held + expiring == limit, and no token is
    free sooner than a period after the last moment at which it can have been counted."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(5, 30.0, 0.05)
        self.now = 0.0
        self.settled: list[float] = []

    @rule(seconds=st.floats(0, 20))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.ledger.advance(self.now)

    @precondition(lambda self: self.ledger.free)
    @rule()
    def take(self) -> None:
        self.ledger.acquire()

    @precondition(lambda self: self.ledger.held)
    @rule(rejected=st.booleans(), grace=st.sampled_from([0.0, 1.0]))
    def settle(self, rejected: bool, grace: float) -> None:
        self.ledger.settle(1, self.now, grace=grace, rejected=rejected)
        self.settled.append(self.now + grace)

    @precondition(lambda self: self.ledger.held)
    @rule()
    def put_back(self) -> None:
        self.ledger.release()

    @invariant()
    def conserved(self) -> None:
        ledger = self.ledger
        assert ledger.free + ledger.held + ledger.expiring == ledger.limit
        assert min(ledger.free, ledger.held, ledger.expiring, ledger.expiring_rejected) >= 0
        assert ledger.expiring_rejected <= ledger.expiring

    @invariant()
    def none_is_early(self) -> None:
        counted_lately = sum(1 for at in self.settled if self.now - at <= 30.0)
        assert self.ledger.expiring >= counted_lately


TestConservation = Conservation.TestCase


@given(st.integers(1, 40), st.integers(1, 120))
def test_eta_never_falls_with_n(limit: int, n: int) -> None:
    ledger = Ledger(limit, 30.0, 0.05)
    for i in range(limit // 2):
        ledger.acquire()
        ledger.settle(1, -float(i))
    assert ledger.eta(n, 5.0, limit) <= ledger.eta(n + 1, 5.0, limit)
