"""A quota outlives event loops: what was spent on one keeps expiring on the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
import trio

import aiocapdist
from aiocapdist import ConnectError, Quota
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.quota._core.scheduler import Scheduler
from aiocapdist.simulator import Simulator

from ..support.ports import kept_port
from .stubs import Asking, Clock, Watched, scheduler, tokens

WAYS = ["asyncio then asyncio", "trio then trio", "asyncio then trio", "trio then asyncio"]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The machine's own monotonic clock, moved by hand."""
    clock = Clock(5000.0)
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def spend(quota: Scheduler, clock: Clock, n: int) -> None:
    """A client comes, is answered ``n`` times, and goes."""
    watcher = Watched()
    quota.attach(clock, watcher)
    Asking(quota, n)
    quota.pump()
    for _ in range(n):
        quota.replied(clock())
    quota.pump()
    quota.detach(watcher)


def test_on_the_next_loop_tokens_come_back_when_they_would_have(now: Clock) -> None:
    quota = scheduler(3, 30.0, margin=0.0)
    spend(quota, Clock(100.0), 2)
    now.now += 10.0
    later = Clock(77_000.0)
    quota.attach(later, Watched())
    assert quota.available == 1
    assert quota.eta(2) == pytest.approx(20.0)
    later.now += 19.9
    assert quota.available == 1
    later.now += 0.2
    assert quota.available == 3


def test_between_loops_time_goes_on(now: Clock) -> None:
    quota = scheduler(3, 30.0, margin=0.0)
    spend(quota, Clock(100.0), 2)
    now.now += 25.0
    assert quota.eta(2) == pytest.approx(5.0)
    now.now += 5.1
    assert quota.available == 3


def test_a_client_that_only_came_and_went_changes_nothing(now: Clock) -> None:
    """It never pumped: it did not even connect."""
    quota = scheduler(2, 30.0, margin=0.0)
    spend(quota, Clock(100.0), 2)
    for start in (9e6, -4e3, 12.0):
        watcher = Watched()
        quota.attach(Clock(start), watcher)
        quota.detach(watcher)
    now.now += 29.0
    assert quota.eta() == pytest.approx(1.0)
    assert quota.available == 0


def test_while_a_loop_runs_its_clock_decides_not_the_machines(now: Clock) -> None:
    """Virtual time: hours pass there within a second here, and both counts hold."""
    quota = scheduler(2, 30.0, margin=0.0)
    virtual, watcher = Clock(0.0), Watched()
    quota.attach(virtual, watcher)
    Asking(quota, 2)
    quota.pump()
    virtual.now += 3600.0
    quota.replied(virtual.now)
    quota.replied(virtual.now)
    quota.pump()
    virtual.now += 10.0
    quota.detach(watcher)
    assert quota.eta() == pytest.approx(20.0)
    now.now += 20.5
    assert tokens(quota) == (0, 0, 2)
    assert quota.available == 2


def test_the_ceiling_moves_with_the_clock(now: Clock) -> None:
    quota = scheduler(30, 30.0)
    clock, watcher = Clock(100.0), Watched()
    quota.attach(clock, watcher)
    Asking(quota, 1)
    quota.pump()
    quota.reject()
    quota.detach(watcher)
    now.now += 0.2
    quota.attach(Clock(1e6), watcher)
    assert quota.eta() == pytest.approx(0.3), "what is left of the pause"


def run(backend: str, main: Callable[[], Awaitable[Any]]) -> None:
    if backend == "trio":
        trio.run(main)
    else:
        asyncio.run(main())  # type: ignore[arg-type]


@pytest.mark.parametrize("ways", WAYS)
def test_the_same_quota_on_two_loops_one_after_the_other(ways: str) -> None:
    quota = Quota(5, 60.0)

    async def ask(*codes: str) -> None:
        with anyio.fail_after(5):
            async with (
                Simulator() as opend,
                aiocapdist.connect(port=opend.port, quota=quota) as client,
            ):
                assert not (await client.capital_distributions(codes).collect()).errors

    first, second = ways.split(" then ")
    run(first, lambda: ask("HK.00001", "HK.00002", "HK.00003"))
    assert quota.available == 2
    assert tokens(scheduler_of(quota)) == (2, 0, 3)
    eta = quota.eta(3)
    assert 50.0 < eta <= 60.05
    run(second, lambda: ask("HK.00004", "HK.00005"))
    assert quota.available == 0
    assert tokens(scheduler_of(quota)) == (0, 0, 5)
    assert eta - 5.0 < quota.eta() <= eta
    assert repr(quota) == "<Quota 5 per 60 s: 0 available, 0 waiting, 0 rejections>"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_client_that_could_not_connect_hands_the_quota_back(backend: str) -> None:
    quota = Quota(5, 60.0)

    async def fail() -> None:
        with kept_port() as port, anyio.fail_after(5), pytest.raises(ConnectError):
            async with aiocapdist.connect(port=port, quota=quota):
                raise AssertionError("nobody is there")

    run(backend, fail)
    assert scheduler_of(quota).listeners == []
    assert quota.available == 5
