"""The quota of all processes of a machine, as its users see it: over real sockets, on each loop."""

from __future__ import annotations

import errno
import fcntl
import gc
import logging
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import Client, Quota, QuotaUnavailable, events
from aiocapdist._loop import on_asyncio
from aiocapdist.quota import FileQuota
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.quota._file import store as file_store
from aiocapdist.quota._file import updater as file_updater
from aiocapdist.quota._file.owner import NOBODY, boot_clock
from aiocapdist.quota._file.tokens import FREE
from aiocapdist.simulator import Simulator

from ...support.cancelling import (
    Operation,
    Point,
    Run,
    cancel_scope,
    cancel_task,
    interrupt_everywhere,
)
from ...support.environment import Environment
from ...support.internals import is_written, leftovers_in_quota
from ...support.leaks import Baseline, check_next_calls, wait_no_leftovers
from ...support.operations import SCENES
from ...support.transports import TRANSPORTS, fixed_simulator
from ...support.waiting import Call, until
from .machine import store_of
from .sections import section_at, tally

ROOT = Path(__file__).parents[3]
MEMORY = TRANSPORTS[-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


DIARY = "today I was happy\n" * 300


def write_diary(path: Path) -> None:
    path.write_text(DIARY)


def holds_diary(path: Path) -> bool:
    return path.read_text() == DIARY


def delete(path: Path) -> None:
    path.unlink()


@contextmanager
def broken_disk() -> Iterator[None]:
    """No file can be read meanwhile."""

    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pread", fail)
        yield


def stands(path: Path) -> tuple[int, int, int]:
    """Return how many tokens in the file are free, held, expiring."""
    free, mine, others, expiring = tally(section_at(path), NOBODY, boot_clock())
    return free, mine + others, expiring


def codes(count: int, first: int = 1) -> list[str]:
    return [f"HK.{n:05d}" for n in range(first, first + count)]


@asynccontextmanager
async def opend_and_client(quota: Quota, **options: Any) -> AsyncIterator[tuple[Simulator, Client]]:
    async with (
        Simulator(quota=None, **options) as opend,
        aiocapdist.connect(port=opend.port, quota=quota) as client,
    ):
        yield opend, client


# ---- how it is made


def test_it_is_a_quota_with_a_path(path: Path) -> None:
    quota = FileQuota(path, 10, 5, reserve=2, margin=0.1)
    assert isinstance(quota, Quota)
    assert (quota.limit, quota.period, quota.reserve, quota.margin) == (10, 5, 2, 0.1)
    assert quota.path == path
    assert not path.exists(), "it is made when it is needed"
    default = FileQuota(str(path))
    assert (default.limit, default.period, default.reserve, default.margin) == (30, 30.0, 0, 0.05)
    assert repr(default) == "<FileQuota 30 per 30 s: 30 available, 0 waiting, 0 rejections>"


def test_a_path_may_be_relative_and_of_the_users_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    quota = FileQuota("ledger")
    monkeypatch.chdir("/")
    assert quota.path == tmp_path / "ledger"
    assert FileQuota("~/ledger").path == Path("/home/someone/ledger")


def test_on_windows_it_says_that_it_does_not_work(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(QuotaUnavailable) as caught:
        FileQuota(path)
    assert str(caught.value) == (
        f"the quota at {path} cannot be used: Windows has no lock of the kind it needs; "
        "use RedisQuota there"
    )


@pytest.mark.parametrize("mode", [0o400, 0o700, 0o601, 0o1600, -1, "0600", None])
def test_a_mode_lets_the_owner_read_and_write(path: Path, mode: Any) -> None:
    with pytest.raises(ValueError, match="mode must be 0o600, or 0o6 and what others may do"):
        FileQuota(path, mode=mode)


@pytest.mark.anyio
async def test_a_ledger_is_made_with_the_mode_that_is_given(path: Path) -> None:
    await scheduler_of(FileQuota(path, mode=0o664)).prepare()
    await scheduler_of(FileQuota(path.with_name("mine"))).prepare()
    modes = [stat.S_IMODE(made.stat().st_mode) for made in (path, path.with_name("mine"))]
    assert modes == [0o664, 0o600]


@pytest.mark.anyio
async def test_a_deleted_ledger_is_told_with_how_long_nothing_is_granted(path: Path) -> None:
    quota = FileQuota(path)
    with anyio.fail_after(10):
        async with opend_and_client(quota) as (_, client), anyio.create_task_group() as group:
            heard = client.events()
            await anext(heard)
            await client.capital_distribution("HK.00001")
            delete(path)
            call = Call(group, client.capital_distribution, "HK.00002")
            told = {type(each): each for each in [await anext(heard), await anext(heard)]}
            lost, throttled = told[events.QuotaDegraded], told[events.Throttled]
            words = "recent use is not known, so nothing is granted for 151 s"
            assert lost == events.QuotaDegraded(reason=words, fallback=0)
            assert isinstance(throttled, events.Throttled)
            assert 145.0 < throttled.eta < 152.0
            call.cancel()


def test_while_nobody_uses_it_no_file_is_kept_open(path: Path) -> None:
    quota = FileQuota(path)
    before = len(os.listdir("/dev/fd"))
    assert quota.available == 30
    assert quota.eta(31) == pytest.approx(30.05)
    assert len(os.listdir("/dev/fd")) == before


# ---- what was spent is known to whoever comes later

SPENDER = """
import sys
import anyio
import aiocapdist
from aiocapdist.quota import FileQuota

async def main(port, path, count):
    quota = FileQuota(path, 5, 60.0)
    print(quota.available, flush=True)
    async with aiocapdist.connect(port=port, quota=quota) as client:
        codes = [f"HK.{n:05d}" for n in range(1, count + 1)]
        assert not (await client.capital_distributions(codes).collect()).errors
    print(quota.available, flush=True)

anyio.run(main, int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), backend=sys.argv[4])
"""


@pytest.mark.anyio
async def test_a_process_that_starts_finds_what_others_spent(
    path: Path, anyio_backend_name: str
) -> None:
    async def spend(count: int) -> list[str]:
        command = [sys.executable, "-c", SPENDER]
        command += [str(opend.port), str(path), str(count), anyio_backend_name]
        ended = await anyio.run_process(command, cwd=ROOT, stderr=None)
        return ended.stdout.decode().split()

    with anyio.fail_after(30):
        async with Simulator(quota=(5, 60.0)) as opend:
            assert await spend(2) == ["5", "3"]
            assert await spend(1) == ["3", "2"]
            quota = FileQuota(path, 5, 60.0)
            assert quota.available == 2
            assert 30.0 < quota.eta(3) <= 60.1, "from the first one's reply, within these 30 s"
            async with aiocapdist.connect(port=opend.port, quota=quota) as client:
                await client.capital_distributions(codes(2, 10)).collect()
                assert quota.available == 0
            assert opend.largest_window == 5
    assert {token.state for token in section_at(path).tokens} != {FREE}


@pytest.mark.parametrize("first", ["asyncio", "trio"])
@pytest.mark.parametrize("second", ["asyncio", "trio"])
def test_the_same_quota_on_two_loops_one_after_the_other(
    path: Path, first: str, second: str
) -> None:
    quota = FileQuota(path, 5, 60.0)

    async def ask(*asked: str) -> None:
        with anyio.fail_after(5):
            async with opend_and_client(quota) as (_, client):
                assert not (await client.capital_distributions(asked).collect()).errors

    anyio.run(ask, *codes(3), backend=first)
    assert quota.available == 2
    eta = quota.eta(3)
    assert 50.0 < eta <= 60.05
    anyio.run(ask, *codes(2, 4), backend=second)
    assert quota.available == 0
    assert eta - 5.0 < quota.eta() <= eta + 0.01
    assert repr(quota) == "<FileQuota 5 per 60 s: 0 available, 0 waiting, 0 rejections>"


# ---- what goes wrong with the file


@pytest.mark.anyio
async def test_connecting_with_a_file_that_is_something_else_says_so_and_leaves_nothing(
    path: Path,
) -> None:
    write_diary(path)
    with anyio.fail_after(5):
        async with Simulator() as opend:
            await anyio.wait_all_tasks_blocked()
            room = Baseline(opend)
            quota = FileQuota(path)
            with pytest.raises(QuotaUnavailable, match="it holds something else") as caught:
                async with aiocapdist.connect(port=opend.port, quota=quota):
                    raise AssertionError("it connected")
            assert caught.value.where == str(path)
            assert scheduler_of(quota).listeners == []
            del caught
            await room.wait_restored()
            assert opend.requests == []
    assert holds_diary(path)


LOCKER = """
import fcntl, sys
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.readline()
"""


@contextmanager
def stopped_with_the_lock(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that was stopped while it had the file locked."""
    command = [sys.executable, "-c", LOCKER, path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == b"locked\n"
        process.send_signal(signal.SIGSTOP)
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.anyio
async def test_connecting_while_a_stopped_process_has_the_file_locked_ends_soon(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pytest.approx(5.0) == file_store.CHECKS * file_store.BETWEEN_CHECKS
    monkeypatch.setattr(file_store, "BETWEEN_CHECKS", 0.001)
    await scheduler_of(FileQuota(path)).prepare()
    with stopped_with_the_lock(path), anyio.fail_after(10):
        async with Simulator(quota=None) as opend:
            with pytest.raises(QuotaUnavailable, match="has held its lock for seconds"):
                async with aiocapdist.connect(port=opend.port, quota=FileQuota(path)):
                    raise AssertionError("it connected")
            assert opend.requests == []


@pytest.mark.anyio
async def test_calls_go_on_when_a_stopped_process_lets_go(path: Path) -> None:
    quota = FileQuota(path)
    with anyio.fail_after(10):
        async with (
            opend_and_client(quota) as (_, client),
            anyio.create_task_group() as group,
        ):
            with stopped_with_the_lock(path) as process:
                call = Call(group, client.capital_distribution, "HK.00001")
                await until(lambda: quota.waiting == 1)
                assert (await client.global_state()).conn_id == 1, "nothing else waits"
                for _ in range(20):
                    await anyio.sleep(file_updater.RETRY_AFTER)
                assert (quota.waiting, quota.available) == (1, 0)
                process.kill()
            assert (await call.value()).code == "HK.00001"


@pytest.mark.anyio
async def test_losing_the_file_and_having_it_again_is_told_and_calls_wait(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(file_updater, "RETRY_IN_TROUBLE", 0.02)
    quota = FileQuota(path, 3, 60.0)
    with anyio.fail_after(10), caplog.at_level(logging.WARNING, "aiocapdist"):
        async with opend_and_client(quota) as (opend, client), anyio.create_task_group() as group:
            heard = client.events()
            await anext(heard)
            await client.capital_distribution("HK.00001")
            with broken_disk():
                call = Call(group, client.capital_distribution, "HK.00002")
                told = [await anext(heard), await anext(heard)]
                kinds = sorted(type(each).__name__ for each in told)
                assert kinds == ["QuotaDegraded", "Throttled"]
                (lost,) = (each for each in told if isinstance(each, events.QuotaDegraded))
                assert (lost.reason, lost.fallback) == ("Input/output error", 0)
                assert (quota.waiting, quota.available) == (1, 0)
            assert (await call.value()).code == "HK.00002"
            told = [await anext(heard), await anext(heard)]
            assert sorted(type(each).__name__ for each in told) == ["QuotaRestored", "Unthrottled"]
            assert quota.available == 1
            assert [r.code for r in opend.requests if r.code] == ["HK.00001", "HK.00002"]
    words = "Input/output error; give the path of a file that can be written; calls wait"
    told_in_log = [record.message for record in caplog.records if "cannot be" in record.message]
    assert told_in_log == [f"the quota at {path} cannot be used: {words}"], "once"


@pytest.mark.anyio
async def test_a_reply_that_comes_while_the_file_is_away_is_written_when_it_is_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_updater, "RETRY_IN_TROUBLE", 0.02)
    quota = FileQuota(path, 3, 60.0)
    with anyio.fail_after(10):
        async with opend_and_client(quota, latency=0.05) as (_, client):
            async with anyio.create_task_group() as group:
                call = Call(group, client.capital_distribution, "HK.00001")
                await until(lambda: store_of(scheduler_of(quota)).held == 1)
                with broken_disk():
                    assert (await call.value()).code == "HK.00001"
                    await until(lambda: store_of(scheduler_of(quota)).updater.trouble)
                    assert stands(path) == (2, 1, 0)
                # Nobody asks: it is written all the same.
                await until(lambda: not store_of(scheduler_of(quota)).updater.trouble)
            assert stands(path)[1] == 0
            other = FileQuota(path, 3, 60.0)
            assert other.available == 2
            assert stands(path) == (2, 0, 1)


@pytest.mark.anyio
async def test_a_client_that_closes_while_it_is_locked_for_a_moment_owes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota = FileQuota(path, 3, 60.0)
    with anyio.fail_after(10):
        async with opend_and_client(quota, latency=30.0) as (_, client):
            async with anyio.create_task_group() as group:
                call = Call(group, client.capital_distribution, "HK.00001")
                await until(lambda: store_of(scheduler_of(quota)).held == 1)
                await until(lambda: is_written(client, "HK.00001"))
                call.cancel()
            keeps = path.open("rb")
            fcntl.flock(keeps, fcntl.LOCK_EX)
            yields: list[None] = []

            def others_go_on() -> None:
                yields.append(None)
                if len(yields) == 20:
                    fcntl.flock(keeps, fcntl.LOCK_UN)

            monkeypatch.setattr(os, "sched_yield", others_go_on)
    keeps.close()
    monkeypatch.undo()
    seen = FileQuota(path, 3, 60.0)
    assert seen.available == 2
    assert stands(path) == (2, 0, 1)


@pytest.mark.anyio
async def test_a_second_client_of_one_quota_does_not_look_at_the_file_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quota = FileQuota(path)
    with anyio.fail_after(5):
        async with opend_and_client(quota) as (opend, _):
            monkeypatch.setattr(
                store_of(scheduler_of(quota)).updater, "check", lambda: pytest.fail("it looked")
            )
            async with aiocapdist.connect(port=opend.port, quota=quota) as client:
                await client.capital_distribution("HK.00001")


@pytest.mark.anyio
async def test_two_quotas_of_one_process_share_one_account(path: Path) -> None:
    one, other = FileQuota(path, 4, 60.0), FileQuota(path, 4, 60.0)
    with anyio.fail_after(5):
        async with (
            opend_and_client(one) as (_, client),
            opend_and_client(other) as (_, neighbour),
        ):
            await client.capital_distributions(codes(2)).collect()
            assert (one.available, other.available) == (2, 2)
            await neighbour.capital_distributions(codes(2)).collect()
            assert (one.available, other.available) == (0, 0)


# ---- nothing is left


@pytest.mark.anyio
async def test_nothing_is_left_of_a_client_no_descriptor_either(path: Path) -> None:
    quota = FileQuota(path, 2, 60.0)
    with anyio.fail_after(10):
        async with Simulator(quota=None) as opend:
            await anyio.wait_all_tasks_blocked()
            room, files = Baseline(opend), None
            for _ in range(3):
                async with aiocapdist.connect(port=opend.port, quota=quota) as client:
                    with anyio.move_on_after(0.01):
                        await client.capital_distributions(codes(5)).collect()
                await room.wait_restored()
                assert leftovers_in_quota(quota) == {}
                ledgers = [name for name in os.listdir("/proc/self/fd") if leads_to(name, path)]
                assert ledgers == []
                files = files or os.listdir(path.parent)
    assert files is not None
    assert set(files) == {"ledger", ".ledger.made"}


def leads_to(descriptor: str, path: Path) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}") == str(path)
    except OSError:
        return False


def ways() -> list[tuple[Point, Any]]:
    if not on_asyncio():
        return [(Point.BEGINS, cancel_scope)]
    return [(Point.BEGINS, cancel_task), (Point.ENDS, cancel_task), (Point.BEGINS, cancel_scope)]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "name",
    [
        "capital distribution, unhindered",
        "capital distribution, waiting for the quota",
        "sweep, losing the connection",
        "sweep left early, waiting for the quota",
    ],
)
async def test_a_call_cancelled_at_any_of_its_awaits_leaves_nothing(
    path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiocapdist._protocol.backoff.FIRST", 0.0)
    monkeypatch.setattr("aiocapdist._protocol.backoff.BASE", 0.0)
    quota = FileQuota(path, 100, 0.01, margin=0.0)
    with anyio.fail_after(60):
        async with (
            fixed_simulator(MEMORY, quota=None) as opend,
            MEMORY.connect(opend, quota=quota) as client,
            anyio.create_task_group() as group,
        ):
            world = Environment(opend, client, group)

            async def check(_: Run) -> None:
                await wait_no_leftovers(client)
                await check_next_calls(client, 1)
                await wait_no_leftovers(client)

            for when, strike in ways():
                count = await interrupt_everywhere(lambda: SCENES[name](world), when, strike, check)
                assert count > 0
            await check_next_calls(client)
            group.cancel_scope.cancel()
    assert {s.state for s in section_at(path).tokens if s.until > time.monotonic() + 5.0} <= {FREE}
    gc.collect()


@pytest.mark.anyio
async def test_connecting_cancelled_at_any_of_its_awaits_leaves_nothing(path: Path) -> None:
    """A thread that looks at the file is waited for: it leaves nothing open."""
    quota = FileQuota(path, 100, 0.01, margin=0.0)
    with anyio.fail_after(60):
        async with Simulator(quota=None) as opend:
            await scheduler_of(quota).prepare()  # anyio's thread is there from now on
            room = Baseline(opend)

            async def connect_and_ask() -> None:
                async with aiocapdist.connect(opend.memory, quota=quota) as client:
                    await client.capital_distribution("HK.00001")

            @asynccontextmanager
            async def scene() -> AsyncIterator[Operation]:
                yield connect_and_ask

            async def check(_: Run) -> None:
                await room.wait_restored()
                assert scheduler_of(quota).listeners == []
                assert leftovers_in_quota(quota) == {}

            for when, strike in ways():
                assert await interrupt_everywhere(scene, when, strike, check) > 0
    gc.collect()
