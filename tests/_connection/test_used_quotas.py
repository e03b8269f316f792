"""The quotas that a client uses: attached, listened to, and for how long out of reach."""

from __future__ import annotations

from typing import Any

import pytest

from aiocapdist import QuotaDegraded, QuotaRestored, QuotaUnavailable
from aiocapdist._connection.used_quotas import UsedQuotas
from aiocapdist.events import QuotaEvent
from aiocapdist.quota._core.unlimited import Unlimited

TROUBLE = QuotaUnavailable("there", "it is away", "wait")
AWAY = QuotaDegraded(reason="it is away", fallback=0)


class FakeScheduler:
    """A quota that is lost and found by hand."""

    def __init__(self) -> None:
        self.trouble: QuotaUnavailable | None = None
        self.listeners: list[Any] = []
        self.failure: Exception | None = None

    def attach(self, clock: object, listener: Any) -> None:
        if self.failure is not None:
            raise self.failure
        self.listeners.append(listener)

    def detach(self, listener: Any) -> None:
        if listener in self.listeners:
            self.listeners.remove(listener)

    def tell(self, trouble: QuotaUnavailable | None, event: QuotaEvent) -> None:
        self.trouble = trouble
        for listener in self.listeners:
            listener(event)


class Used:
    """Quotas whose clock is moved by hand."""

    def __init__(self, timeout: float | None = 60.0) -> None:
        self.now = 100.0
        self.told: list[object] = []
        self.quotas = UsedQuotas(
            lambda: self.now,
            timeout,
            self.told.append,
            lambda: self.told.append("overdue"),
            lambda: self.told.append("restored"),
        )

    def add(self) -> Any:
        scheduler: Any = FakeScheduler()
        self.quotas.add(scheduler)
        return scheduler

    @property
    def due(self) -> float | None:
        return self.quotas._due()

    def tick(self, now: float) -> None:
        self.now = now
        self.quotas._tick()


def test_calls_end_once_the_time_from_the_loss_is_over() -> None:
    used = Used()
    scheduler, other = used.add(), used.add()
    scheduler.tell(TROUBLE, AWAY)
    used.now = 130.0
    scheduler.tell(TROUBLE, QuotaDegraded(reason="it is still away", fallback=0))
    assert used.due == 160.0, "from the first word of it"
    assert used.quotas.error_for(scheduler) is None
    used.tick(159.9)
    assert used.told[2:] == []
    used.tick(160.0)
    assert used.told[2:] == ["overdue"]
    error = used.quotas.error_for(scheduler)
    assert error is not None
    assert (error.where, error.hint, error.__cause__) == ("there", "wait", TROUBLE)
    assert error.reason == "it has been out of reach for 60 s (it is away)"
    assert used.quotas.error_for(other) is used.quotas.error_for("unheard of") is None
    assert used.due is None, "that is told once"


def test_when_it_is_back_calls_may_wait_again_and_the_next_loss_has_its_own_time() -> None:
    used = Used()
    scheduler = used.add()
    scheduler.tell(TROUBLE, AWAY)
    used.tick(160.0)
    scheduler.tell(None, QuotaRestored())
    assert used.quotas.error_for(scheduler) is None
    assert used.due is not None
    assert used.due < used.now, "at once"
    used.tick(200.0)
    assert used.told == [AWAY, "overdue", QuotaRestored(), "restored"]
    assert used.due is None
    scheduler.tell(TROUBLE, AWAY)
    assert used.due == 260.0


def test_a_short_loss_is_no_end_and_no_return() -> None:
    used = Used()
    scheduler = used.add()
    scheduler.tell(TROUBLE, AWAY)
    scheduler.tell(None, QuotaRestored())
    assert used.due is None
    used.tick(1000.0)
    assert used.told == [AWAY, QuotaRestored()]


def test_one_that_is_back_just_then_ends_nothing() -> None:
    used = Used()
    scheduler = used.add()
    scheduler.tell(TROUBLE, AWAY)
    scheduler.trouble = None  # and its event comes next
    used.tick(160.0)
    assert used.quotas.error_for(scheduler) is None
    assert used.due is None


def test_without_a_limit_they_wait_for_ever() -> None:
    used = Used(None)
    scheduler = used.add()
    scheduler.tell(TROUBLE, AWAY)
    assert used.due is None
    assert used.quotas.error_for(scheduler) is None


def test_a_quota_that_cannot_be_used_here_is_not_among_them() -> None:
    used = Used()
    scheduler: Any = FakeScheduler()
    scheduler.failure = TROUBLE
    with pytest.raises(QuotaUnavailable):
        used.quotas.add(scheduler)
    assert scheduler not in used.quotas
    assert list(used.quotas) == []


def test_all_are_left_at_the_end() -> None:
    used = Used()
    schedulers = [used.add(), used.add()]
    assert list(used.quotas) == schedulers
    used.quotas.detach_all()
    used.quotas.detach_all()
    assert [scheduler.listeners for scheduler in schedulers] == [[], []]


def test_calls_without_a_quota_lose_none() -> None:
    assert Unlimited(lambda: 0.0).trouble is None
