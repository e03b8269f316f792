"""What listeners of a quota are told, and what is logged."""

from __future__ import annotations

import logging

import pytest

from aiocapdist.events import QuotaDegraded, QuotaRestored
from aiocapdist.quota._core.reports import LONG_WAIT, Reports

from .stubs import Asking, Clock, Watched, run_out, scheduler

AWAY = QuotaDegraded(reason="it is away", fallback=0)
SLOW = QuotaDegraded(reason="it does not answer", fallback=0)


def test_a_wait_of_more_than_two_seconds_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    quota, clock = scheduler(1, 30.0, margin=0.0), Clock()
    quota.attach(clock, Watched())
    with caplog.at_level(logging.INFO, "aiocapdist"):
        for _ in range(2):
            assert quota.try_acquire(clock())
            place = Asking(quota, 2)
            quota.pump()
            quota.reject()  # listeners are told again, the log is not
            quota.pump()
            place.ask(-2)
            quota.pump()
            clock.now += 100.0
            run_out(quota, clock)
    messages = [record.message for record in caplog.records]
    assert messages == ["2 calls wait for the quota; the first goes in about 30 s"] * 2


@pytest.mark.parametrize(("eta", "logged"), [(LONG_WAIT, 0), (LONG_WAIT + 0.01, 1)])
def test_a_short_wait_is_not_logged(
    caplog: pytest.LogCaptureFixture, eta: float, logged: int
) -> None:
    with caplog.at_level(logging.INFO, "aiocapdist"):
        Reports().waiting(1, lambda: eta, throttled=True)
    assert len(caplog.records) == logged


def test_listeners_are_told_each_reason_once_and_the_end() -> None:
    reports, heard = Reports(), Watched()
    reports.add(heard)
    for degraded in (None, AWAY, AWAY, SLOW, None, None, AWAY):
        reports.degraded(degraded)
    assert heard.events == [AWAY, SLOW, QuotaRestored(), AWAY]


def test_a_listener_that_comes_later_is_told_how_it_stands() -> None:
    reports, first, later = Reports(), Watched(), Watched()
    reports.add(first)
    assert first.events == []
    reports.degraded(AWAY)
    reports.add(later)
    assert later.events == [AWAY]
    reports.degraded(None)
    assert first.events == later.events == [AWAY, QuotaRestored()]
