"""Row 5 of the promises: tokens are conserved. After each step free + held + expiring is the
limit, none is minted and none leaks, and a model that knows nothing of heaps agrees.

At scale 1: 300 000 steps of the ledger and of the quota together; the soak's are 10 million.
"""

from __future__ import annotations

import random

import pytest

from aiocapdist.quota._core.ledger import Ledger

from ..quota.stubs import Asking, Clock, Watched, scheduler
from .scale import figure, scaled

LEDGER_STEPS = scaled(150_000)
QUOTA_STEPS = scaled(150_000)
PERIOD, MARGIN = 30.0, 0.05


class Model:
    """What a ledger should hold: when each expiring token comes back, and whether it was
    rejected. A plain list, gone through each time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self.expiring: list[tuple[float, bool]] = []

    def advance(self, now: float) -> None:
        self.expiring = [row for row in self.expiring if row[0] > now]

    @property
    def free(self) -> int:
        return self.limit - self.held - len(self.expiring)

    def agrees_with(self, ledger: Ledger) -> bool:
        rejected = sum(was_rejected for _, was_rejected in self.expiring)
        next_back = min((back for back, _ in self.expiring), default=float("inf"))
        return (
            (self.free, self.held, len(self.expiring), rejected)
            == (ledger.free, ledger.held, ledger.expiring, ledger.expiring_rejected)
            and ledger.free + ledger.held + ledger.expiring == ledger.limit == self.limit
            and next_back == ledger.next_back
        )


@pytest.mark.parametrize("limit", [1, 7, 30])
def test_a_ledger_neither_mints_nor_leaks_a_token(limit: int) -> None:
    drawn = random.Random(limit)
    ledger, model = Ledger(limit, PERIOD, MARGIN), Model(limit)
    now = 0.0
    for _ in range(LEDGER_STEPS // 3):
        choice, n = drawn.random(), drawn.randint(1, 4)
        if choice < 0.35 and n <= ledger.free:
            ledger.acquire(n)
            model.held += n
        elif choice < 0.45 and n <= ledger.held:
            ledger.release(n)
            model.held -= n
        elif choice < 0.75 and n <= ledger.held:
            rejected, grace = drawn.random() < 0.2, drawn.choice([0.0, 0.0, 1.0])
            ledger.settle(n, now, grace=grace, rejected=rejected)
            model.held -= n
            model.expiring += [(now + grace + PERIOD + MARGIN, rejected)] * n
        elif choice < 0.76:
            before, now = now, drawn.uniform(0.0, 1e5)  # another loop's clock
            ahead = now - before
            ledger.shift(ahead)
            model.expiring = [(back + ahead, rejected) for back, rejected in model.expiring]
        else:
            now += drawn.choice([0.0, 0.01, 1.0, drawn.uniform(0.0, 40.0)])
            ledger.advance(now)
            model.advance(now)
        assert model.agrees_with(ledger)
    ledger.settle(ledger.held, now)
    ledger.advance(now + 1000.0)
    assert ledger.free == limit


class Account:
    """A quota and all that is done with it; how many requests are under way, by our count."""

    def __init__(self, seed: int) -> None:
        self.drawn = random.Random(seed)
        self.quota, self.clock, self.watched = scheduler(30, PERIOD, reserve=3), Clock(), Watched()
        self.quota.attach(self.clock, self.watched)
        self.places = [Asking(self.quota, patient=patient) for patient in (False, True, True)]
        self.under_way = 0
        self.granted = 0
        weights = {
            self.ask: 30,
            self.give_up: 5,
            self.ask_at_once: 3,
            self.replies_come: 22,
            self.one_was_unsent: 5,
            self.one_is_rejected: 3,
            self.all_are_lost: 1,
            self.a_client_comes_and_one_goes: 1,
            self.time_passes: 30,
        }
        self.deeds, self.weights = list(weights), list(weights.values())

    def step(self) -> None:
        (deed,) = self.drawn.choices(self.deeds, self.weights)
        deed()
        self.quota.pump()
        granted = sum(place.granted for place in self.places)
        self.under_way += granted - self.granted
        self.granted = granted
        self.watched.events.clear()

    def place(self) -> Asking:
        return self.drawn.choice(self.places)

    def ask(self) -> None:
        place = self.place()
        if place.waiting < 50:
            place.ask(self.drawn.randint(1, 5))

    def give_up(self) -> None:
        place = self.place()
        place.ask(-min(self.drawn.randint(1, 5), place.waiting))

    def ask_at_once(self) -> None:
        self.under_way += self.quota.try_acquire(self.clock.now)

    def replies_come(self) -> None:
        for _ in range(min(self.drawn.randint(1, 5), self.under_way)):
            self.quota.replied(self.clock.now)
            self.under_way -= 1

    def one_was_unsent(self) -> None:
        if self.under_way:
            self.quota.release()
            self.under_way -= 1

    def one_is_rejected(self) -> None:
        if self.under_way:
            assert self.quota.reject()
            self.under_way -= 1
            self.place().ask(1)

    def all_are_lost(self) -> None:
        self.quota.lost(self.under_way)
        self.under_way = 0

    def a_client_comes_and_one_goes(self) -> None:
        self.quota.attach(self.clock, self.watched)
        self.quota.detach(self.watched)

    def time_passes(self) -> None:
        self.clock.now += self.drawn.choice([0.0, 0.01, 1.0, self.drawn.uniform(0.0, 12.0)])


def test_a_quota_neither_mints_nor_leaks_a_token() -> None:
    """Places that come and go, replies, refusals, losses, giving up, clients that change."""
    account = Account(seed=5)
    quota, ledger = account.quota, account.quota.store
    assert isinstance(ledger, Ledger)
    for _ in range(QUOTA_STEPS):
        account.step()
        assert ledger.free >= 0 <= ledger.expiring
        assert ledger.free + ledger.held + ledger.expiring == 30
        assert ledger.held == account.under_way + quota.unsettled
    assert account.granted > QUOTA_STEPS / 20
    figure(5, steps=LEDGER_STEPS + QUOTA_STEPS, granted=account.granted, leaked_or_minted=0)
    account.all_are_lost()
    for place in account.places:
        place.ask(-place.waiting)
    account.clock.now += 2000.0
    assert quota.available == 30
    ledger.advance(account.clock.now)
    assert (ledger.free, ledger.held, ledger.expiring, ledger.expiring_rejected) == (30, 0, 0, 0)
