"""What a scheduler keeps to whatever its places and listeners do, and quotas of other calls."""

from __future__ import annotations

import inspect
import math
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from aiocapdist import Quota
from aiocapdist.quota import FileQuota, RedisQuota
from aiocapdist.quota._core.ledger import Ledger
from aiocapdist.quota._core.quota import scheduler_of, sibling
from aiocapdist.quota._core.scheduler import Scheduler
from aiocapdist.quota._core.store import estimate
from aiocapdist.quota._core.unlimited import Unlimited

from .contract import Maker
from .counting import operations
from .redis.servers import needs_redis
from .stubs import Asking, run_out, running, scheduler, tokens


class Broken(Exception):
    """What a client's send may raise."""


class Failing(Asking):
    """A place whose ``failing``-th request cannot be sent, as often as is said."""

    def __init__(self, quota: Scheduler, waiting: int, failing: int, times: int = 1) -> None:
        self.failing, self.times = failing, times
        super().__init__(quota, waiting)

    def grant(self, count: int, now: float) -> int:
        if self.times and count >= self.failing:
            self.times -= 1
            used = super().grant(self.failing - 1, now)
            self.quota.release(count - used)
            raise Broken
        return super().grant(count, now)


# ---- a place that raises


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_no_token_stays_held_when_sending_raises(failing: int) -> None:
    quota = scheduler(3, 30.0)
    clock = running(quota)
    place = Failing(quota, 5, failing)
    with pytest.raises(Broken):
        quota.pump()
    assert tokens(quota) == (3 - (failing - 1), failing - 1, 0)
    quota.pump()
    assert tokens(quota) == (0, 3, 0)
    for _ in range(3):
        quota.replied(clock())
    quota.pump()
    run_out(quota, clock)
    assert place.granted == 5


def test_a_place_that_always_raises_holds_up_no_other() -> None:
    quota = scheduler(3, 30.0)
    running(quota)
    broken, other = Failing(quota, 5, 1, times=1000), Asking(quota, 2)
    for _ in range(4):
        try:
            quota.pump()
        except Broken:
            pass
    assert (broken.granted, other.granted) == (0, 2)
    assert tokens(quota) == (1, 2, 0)


def test_after_an_exception_grants_and_single_calls_go_on() -> None:
    quota = scheduler(2, 30.0)
    clock = running(quota)
    place = Failing(quota, 1, 1)
    with pytest.raises(Broken):
        quota.pump()
    place.ask(-1)
    assert quota.try_acquire(clock()), "it is not taken to be in the middle of a grant"


# ---- looking


def test_an_estimate_costs_the_same_whatever_the_limit() -> None:
    """It walks over rows of tokens, not over tokens."""

    def cost(limit: int) -> tuple[int, int]:
        quota = scheduler(limit, 30.0, margin=0.0)
        clock = running(quota)
        Asking(quota, limit - 1)
        quota.pump()
        for at in (1.0, 2.0):
            clock.now = at
            for _ in range(2):
                quota.replied(at)
        estimates = [1, limit // 2, limit, 3 * limit]
        tracemalloc.start()
        try:
            calls = operations(lambda: [quota.eta(n) for n in estimates])
            return calls, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few_calls, _ = cost(30)
    many_calls, memory = cost(10**7)
    assert many_calls <= few_calls + 2
    assert memory < 50_000


def test_an_estimate_for_millions_is_right() -> None:
    limit = 10**7
    quota = scheduler(limit, 30.0, margin=0.0)
    running(quota)
    Asking(quota, limit)
    quota.pump()
    quota.lost(limit // 2)  # back at 31
    assert quota.eta(1) == quota.eta(limit // 2) == 30.0
    assert quota.eta(limit // 2 + 1) == quota.eta(limit) == 31.0
    assert quota.eta(limit + 1) == 60.0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no FileQuota on Windows")
def test_looking_at_a_file_quota_neither_makes_nor_writes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger"

    def look(quota: Quota) -> list[object]:
        return [repr(quota), quota.available, quota.waiting, quota.eta(), quota.eta(31)]

    def written() -> tuple[bytes, int, int]:
        """What reading changes, its time of access, is left out."""
        facts = path.stat()
        return path.read_bytes(), facts.st_ino, facts.st_mtime_ns

    quota = FileQuota(path)
    assert look(quota)[1:4] == [30, 0, 0.0]
    assert list(tmp_path.iterdir()) == []
    user = scheduler_of(FileQuota(path))
    running(user)
    assert user.try_acquire(0.0)
    before = written()
    assert look(quota)[1] == 29
    assert written() == before
    with_replies = FileQuota(path)
    other = scheduler_of(with_replies)
    clock = running(other)
    assert other.try_acquire(clock())
    other.replied(clock())
    before = written()
    assert look(with_replies)[1] == 28
    assert written() == before


@pytest.mark.skipif(sys.platform == "win32", reason="there is no FileQuota on Windows")
def test_of_a_file_that_cannot_be_read_nothing_is_available(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.symlink_to(path)
    quota = FileQuota(path)
    assert (quota.available, quota.eta()) == (0, math.inf)
    path.unlink()
    path.write_text("my diary")
    assert (quota.available, quota.eta()) == (0, math.inf)


def test_looking_raises_no_ceiling() -> None:
    quota = scheduler(30, 30.0, margin=0.0)
    clock = running(quota)
    assert quota.try_acquire(0.0)
    quota.reject()
    clock.now = 500.0
    assert (quota.available, quota.eta(30)) == (30, 0.0)
    assert quota.ceiling.value == 26


def test_the_tokens_of_one_process_have_no_duties_and_no_others() -> None:
    ledger = Ledger(3, 30.0, 0.0)
    assert (ledger.degraded, ledger.next_duty, ledger.fresh_rejections()) == (None, math.inf, 0)


@pytest.mark.parametrize(("n", "seconds"), [(1, 2.0), (2, 2.0), (3, 12.0)])
def test_an_estimate_of_too_few_tokens_ends_with_the_last(n: int, seconds: float) -> None:
    rows = [(7.0, 1, False)]
    assert estimate(n, 5.0, ceiling=2, span=10.0, counted=1, rows=rows) == seconds


# ---- quotas of other calls


def test_a_sibling_is_of_the_same_kind_and_numbers_and_counts_for_itself() -> None:
    quota = Quota(10, 5.0, reserve=2, margin=0.5)
    flow = sibling(quota, "3211")
    assert sibling(quota, "3211") is flow, "all who share the quota share it"
    assert (flow.limit, flow.period, flow.reserve, flow.margin) == (10, 5.0, 2, 0.5)
    running(scheduler_of(flow))
    assert scheduler_of(flow).try_acquire(0.0)
    assert (flow.available, quota.available) == (9, 10)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no FileQuota on Windows")
def test_siblings_of_file_quotas_share_a_section_of_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    one, other = FileQuota(path, 5), FileQuota(path, 5)
    flow = sibling(one, "3211")
    assert isinstance(flow, FileQuota)
    assert flow.path == path
    for quota, count in ((one, 2), (flow, 3)):
        spender = scheduler_of(quota)
        running(spender)
        assert all(spender.try_acquire(0.0) for _ in range(count))
    assert (other.available, sibling(other, "3211").available) == (3, 2)
    assert {made.name for made in tmp_path.iterdir()} == {"ledger", ".ledger.made"}


@needs_redis
def test_siblings_of_redis_quotas_have_keys_of_their_own() -> None:
    url = "redis://:word@localhost:6379/3"
    named = RedisQuota(url, "mine", lease=5.0)
    flow = sibling(named, "3211")
    assert isinstance(flow, RedisQuota)
    assert (named.key, flow.key, flow.lease) == ("mine", "mine:3211", 5.0)
    assert named.where == flow.where == "redis://localhost:6379/3"
    plain = RedisQuota(url)
    flow = sibling(plain, "3211")
    assert isinstance(flow, RedisQuota)
    for quota in (plain, flow):
        scheduler_of(quota).bind_account(7)
    assert (plain.key, flow.key) == ("aiocapdist:{7}:3212", "aiocapdist:{7}:3211")


# ---- what users see


PUBLIC = {"limit", "period", "reserve", "margin", "available", "waiting", "rejections", "eta"}


def public_names(kind: Any) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


def test_users_see_of_a_quota_how_it_stands_and_nothing_else() -> None:
    assert public_names(Quota) == PUBLIC
    assert public_names(FileQuota) == set()
    assert public_names(RedisQuota) == {"key", "where"}


def test_calls_without_a_quota_are_granted_by_the_same_methods() -> None:
    of_a_quota = dict(inspect.getmembers(Scheduler, inspect.isfunction))
    mine = {name: value for name, value in vars(Unlimited).items() if inspect.isfunction(value)}
    for name in set(mine) - {"__init__"}:
        parameters = inspect.signature(mine[name]).parameters
        assert list(parameters) == list(inspect.signature(of_a_quota[name]).parameters)


@pytest.mark.anyio
async def test_all_kinds_begin_with_the_numbers_that_were_given(make_quota: Maker) -> None:
    quota = make_quota(4, 0.5, margin=0.25, reserve=1)
    found = scheduler_of(quota)
    assert (found.limit, found.period, found.reserve, found.margin) == (4, 0.5, 1, 0.25)
    assert (quota.limit, quota.period, quota.reserve, quota.margin) == (4, 0.5, 1, 0.25)
