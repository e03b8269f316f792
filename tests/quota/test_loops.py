"""One quota and several event loops: two at once, one that ended in the middle, and forks.

Promise 27: each is right, or is told at once with what to do.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
import time
import warnings
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import pytest

from aiocapdist import Quota, QuotaUnavailable
from aiocapdist._loop import current_clock
from aiocapdist.quota import FileQuota, RedisQuota
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.quota._core.scheduler import FORKED, Scheduler

from .forks import in_a_fork
from .redis.servers import REASON, Server, binary
from .stubs import Asking, Clock, Watched, running, scheduler, tokens

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
BACKENDS = ["asyncio", "trio"]


class Waiting(Asking):
    """A place whose requests can be waited for."""

    def __init__(self, quota: Scheduler, waiting: int) -> None:
        self._changed = anyio.Event()
        super().__init__(quota, waiting)

    def grant(self, count: int, now: float) -> int:
        self._changed.set()
        return super().grant(count, now)

    async def until_granted(self, count: int) -> None:
        """Wait until ``count`` requests were sent."""
        with anyio.fail_after(5):
            while self.granted < count:
                self._changed = anyio.Event()
                await self._changed.wait()


async def use(quota: Scheduler, count: int = 1) -> int:
    """Use the quota as a client does: send so many requests, and see their replies."""
    listener, clock = Watched(), current_clock()
    await quota.prepare()
    quota.attach(clock, listener)
    async with anyio.create_task_group() as group:
        group.start_soon(quota.run)
        place = Waiting(quota, count)
        quota.pump()
        await place.until_granted(count)
        for _ in range(count):
            quota.replied(clock())
        quota.pump()
        group.cancel_scope.cancel()
    quota.detach(listener)
    return place.granted


def run(backend: str, main: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    return anyio.run(main, *args, backend=backend)


# ---- a loop that ended without closing its client


def end_in_the_middle(backend: str, quota: Scheduler, held: int) -> None:
    """Run an event loop whose client is never closed: ``held`` requests were in flight."""

    async def main() -> None:
        await quota.prepare()
        quota.attach(current_clock(), Watched())
        place = Asking(quota, held + 5)
        quota.pump()
        assert place.granted == held

    run(backend, main)


@pytest.mark.parametrize("first", BACKENDS)
@pytest.mark.parametrize("second", BACKENDS)
@pytest.mark.parametrize("kind", ["process", "file"])
def test_the_next_loop_can_use_the_quota_of_one_that_ended(
    tmp_path: Path, kind: str, first: str, second: str
) -> None:
    quota = Quota(3, 60.0) if kind == "process" else FileQuota(tmp_path / "ledger", 3, 60.0)
    used = scheduler_of(quota)
    end_in_the_middle(first, used, 3)
    assert (quota.available, quota.waiting) == (0, 0)
    assert 55.0 < quota.eta() <= 61.05, "what was in flight is taken for lost, and expires"
    end_in_the_middle(second, used, 0)
    assert used.listeners, "its client was not closed either"
    assert tokens(used) == (0, 0, 3)


@pytest.mark.parametrize("kind", ["file", "server"])
def test_a_store_that_was_never_used_can_be_given_up(tmp_path: Path, kind: str) -> None:
    there = {"file": FileQuota(tmp_path / "ledger"), "server": RedisQuota("redis://localhost:1")}
    store = scheduler_of(there[kind]).store
    store.abandon(0.0)
    asyncio.run(store.stop(last=True))
    assert (store.held, list(tmp_path.iterdir())) == (0, [])


@pytest.mark.parametrize("backend", BACKENDS)
def test_its_tokens_serve_again_when_they_have_expired(backend: str) -> None:
    used = scheduler(3, 0.05, margin=0.0)
    began = time.monotonic()
    end_in_the_middle(backend, used, 3)
    assert run("asyncio", use, used, 0) == 0
    assert tokens(used) == (0, 0, 3)
    # A second that OpenD may still count in, and the period.
    eta, passed = used.eta(), time.monotonic() - began
    assert max(0.0, 1.049 - passed) <= eta <= 1.05


def test_what_the_dead_clients_say_later_changes_nothing_for_others() -> None:
    used = scheduler(3, 60.0)
    listener = Watched()

    async def begin() -> Asking:
        used.attach(current_clock(), listener)
        place = Asking(used, 5)
        used.pump()
        return place

    place = run("trio", begin)
    clock = running(used)
    used.release(3)
    used.lost(1)
    used.replied(1.0)
    used.replied(2.0)
    used.pump()
    used.reject()
    used.leave(place)
    used.detach(listener)
    clock.now += 1.0
    assert tokens(used) == (0, 0, 3)
    assert len(used.listeners) == 1
    clock.now += 100.0
    mine = Asking(used, 1)
    used.pump()
    assert (mine.granted, place.granted) == (1, 3)


def test_a_task_that_is_collected_later_stops_nothing() -> None:
    used = scheduler(3, 60.0)
    loop = asyncio.new_event_loop()

    async def begin() -> None:
        used.attach(loop.time, Watched())

    loop.run_until_complete(begin())
    running_coroutine = used.run()

    async def run_a_little() -> asyncio.Task[None]:
        task = asyncio.ensure_future(running_coroutine)
        await asyncio.sleep(0.01)
        return task

    task = loop.run_until_complete(run_a_little())
    loop.close()
    assert run("asyncio", use, used) == 1

    async def meanwhile() -> None:
        nonlocal task
        used.attach(current_clock(), Watched())
        async with anyio.create_task_group() as group:
            group.start_soon(used.run)
            await anyio.sleep(0.01)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                del task
                with suppress(RuntimeError):  # anyio's, as its scopes were another task's
                    running_coroutine.close()
                gc.collect()
            place = Asking(used, 1)
            used.pump()
            assert place.granted == 1
            group.cancel_scope.cancel()

    run("asyncio", meanwhile)


# ---- two loops at once


@pytest.mark.parametrize("first", BACKENDS)
@pytest.mark.parametrize("second", BACKENDS)
def test_two_loops_at_once_are_told(first: str, second: str) -> None:
    used = scheduler(3, 60.0)
    began, end = threading.Event(), threading.Event()

    async def first_client() -> None:
        used.attach(current_clock(), Watched())
        began.set()
        await anyio.to_thread.run_sync(end.wait)

    thread = threading.Thread(target=run, args=(first, first_client))
    thread.start()
    try:
        assert began.wait(5)
        with pytest.raises(QuotaUnavailable) as caught:
            run(second, use, used)
        assert str(caught.value) == (
            "the quota at this process cannot be used: clients on another event loop use it; "
            "make a quota for each event loop: two of FileQuota may share one path"
        )
        with pytest.raises(QuotaUnavailable, match="another event loop"):
            used.attach(Clock(), Watched())
        assert len(used.listeners) == 1
    finally:
        end.set()
        thread.join()
    assert run(second, use, used) == 1, "the first has ended"


def test_a_loop_that_was_stopped_and_may_go_on_is_not_taken_for_ended() -> None:
    used = scheduler(3, 60.0)
    loop = asyncio.new_event_loop()

    async def begin() -> None:
        used.attach(loop.time, Watched())

    loop.run_until_complete(begin())
    with pytest.raises(QuotaUnavailable, match="another event loop"):
        run("asyncio", use, used)
    loop.close()
    assert run("asyncio", use, used) == 1


# ---- forks


@needs_fork
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_forked_childs_quota_has_users_a_queue_and_a_task_of_its_own(backend: str) -> None:
    """Forked within the loop, while the parent's clients use it and wait."""
    used = scheduler(3, 60.0)

    async def parent() -> int:
        used.attach(current_clock(), Watched())
        async with anyio.create_task_group() as group:
            group.start_soon(used.run)
            await anyio.sleep(0.01)
            place = Asking(used, 2)
            used.pump()
            waits = Asking(used, 5)
            used.pump()

            def child() -> bool:
                assert (used.listeners, used.waiting) == ([], 0)
                assert tokens(used) == (0, 0, 3), "what the parent has in flight is counted"
                if backend == "trio":
                    return True  # trio cannot run again within the parent's run
                return asyncio.run(use(used, 0)) == 0

            ended = in_a_fork(child)
            assert (place.granted, waits.granted) == (2, 1)
            assert tokens(used) == (0, 3, 0), "the parent's are as they were"
            group.cancel_scope.cancel()
        return ended

    assert run(backend, parent) == 0


@needs_fork
def test_a_child_that_was_forked_outside_a_loop_counts_on(caplog: pytest.LogCaptureFixture) -> None:
    used = scheduler(3, 60.0)
    assert run("asyncio", use, used, 2) == 2

    def child() -> bool:
        with caplog.at_level(logging.WARNING, "aiocapdist"):
            done = run("asyncio", use, used, 1) == 1 and tokens(used) == (0, 0, 3)
            run("asyncio", use, used, 0)
        return done and [record.message for record in caplog.records] == [FORKED]

    assert in_a_fork(child) == 0
    assert tokens(used) == (1, 0, 2)


@needs_fork
def test_a_quota_that_was_never_used_before_a_fork_is_as_new(
    caplog: pytest.LogCaptureFixture,
) -> None:
    used = scheduler(3, 60.0)

    def child() -> bool:
        with caplog.at_level(logging.WARNING, "aiocapdist"):
            return run("asyncio", use, used, 3) == 3 and not caplog.records

    assert in_a_fork(child) == 0


@needs_fork
@pytest.mark.parametrize("inside", [True, False], ids=["inside the loop", "outside"])
def test_a_child_shares_the_file_as_another_owner(tmp_path: Path, inside: bool) -> None:
    quota = FileQuota(tmp_path / "ledger", 5, 60.0)
    used = scheduler_of(quota)

    def child() -> bool:
        return asyncio.run(use(used, 2)) == 2 and quota.available == 0

    async def parent() -> None:
        used.attach(current_clock(), Watched())
        async with anyio.create_task_group() as group:
            group.start_soon(used.run)
            await anyio.sleep(0.01)
            place = Asking(used, 3)
            used.pump()
            assert place.granted == 3
            if inside:
                assert in_a_fork(child) == 0
                assert quota.available == 0
            group.cancel_scope.cancel()

    asyncio.run(parent())
    if not inside:
        assert in_a_fork(child) == 0
    assert quota.available == 0


@needs_fork
@pytest.mark.skipif(binary() is None, reason=REASON)
@pytest.mark.parametrize("inside", [True, False], ids=["inside the loop", "outside"])
def test_a_child_shares_the_server_as_another_owner(redis_server: Server, inside: bool) -> None:
    """It leaves the parent's connection alone, in closing and when it is collected too."""
    key = uuid4().hex
    redis_server.warm(key)
    quota = RedisQuota(redis_server.url, key, 9, 60.0)
    used = scheduler_of(quota)

    def child() -> bool:
        done = asyncio.run(use(used, 2)) == 2
        gc.collect()
        return done and asyncio.run(use(used, 1)) == 1

    async def parent() -> None:
        await used.prepare()
        used.attach(current_clock(), Watched())
        async with anyio.create_task_group() as group:
            group.start_soon(used.run)
            place = Waiting(used, 3)
            used.pump()
            await place.until_granted(3)
            if inside:
                assert in_a_fork(child) == 0
                place.ask(1)
                used.pump()
                await place.until_granted(4)
            group.cancel_scope.cancel()

    asyncio.run(parent())
    if not inside:
        assert in_a_fork(child) == 0
    assert redis_server.leases(key) == {"expiring": 7 if inside else 6}
