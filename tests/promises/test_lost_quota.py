"""Promise 25: no call waits for ever if the file or server of a shared quota is lost for good.

On virtual time: a real FileQuota whose file holds something else from some moment on, and a real
RedisQuota whose connection is to a server of this test, which can be away or know nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import pytest

import aiocapdist
from aiocapdist import Client, Quota, QuotaRestored, QuotaUnavailable, QuotaWaitTooLong
from aiocapdist import RequestTimeout as TimedOut
from aiocapdist.quota import RedisQuota
from aiocapdist.simulator import Simulator

from ..support.virtual_asyncio import run_virtually
from ..support.waiting import Call
from .machine import Machine
from .scale import figure

BOUND = 60.0
CODES = [f"HK.{n:05d}" for n in range(1, 1001)]


class FileShared:
    """A ledger file, which can be replaced by something else, and come back."""

    reason = "it holds something else"

    def __init__(self, path: Path, patch: pytest.MonkeyPatch) -> None:
        self.path, self.aside = path / "ledger", path / "aside"
        Machine(patch)

    def quota(self, **options: Any) -> Quota:
        return aiocapdist.FileQuota(self.path, **options)

    def lose(self) -> None:
        if self.path.exists():
            self.path.rename(self.aside)
        self.path.write_text("somebody else's list of codes\n" * 9)

    def bring_back(self) -> None:
        self.aside.rename(self.path)


class RedisShared:
    """A server that lends what it is asked for, unless it is away or ``cold`` for some seconds."""

    reason = "nobody answers there"

    def __init__(self, path: Path, patch: pytest.MonkeyPatch) -> None:
        self.away = False
        self.cold = 0.0
        self.number = 0
        server = self

        class Connection:
            where = "redis://10.0.0.1:6379/0"

            def __init__(self, url: str, timeout: float) -> None: ...

            async def exchange(self, key: str, report: str) -> Any:
                import json

                await anyio.sleep(0.001)
                if server.away:
                    raise QuotaUnavailable(self.where, server.reason, "start it")
                server.number += 1
                cold = max(0, round(1000 * (server.cold - anyio.current_time())))
                granted = 0 if cold else len(json.loads(report)["names"])
                return [server.number, granted, cold, cold, 0, [], []]

            async def leave(self, key: str, report: str) -> None: ...

            async def close(self) -> None: ...

        patch.setattr("aiocapdist.quota._redis.quota.RedisConnection", Connection)

    def quota(self, **options: Any) -> Quota:
        return RedisQuota("redis://10.0.0.1:6379/0", "key", **options)

    def lose(self) -> None:
        self.away = True

    def bring_back(self) -> None:
        self.away = False


Shared: TypeAlias = FileShared | RedisShared
Main: TypeAlias = Callable[[Shared], Awaitable[None]]


@pytest.fixture(params=[FileShared, RedisShared], ids=["file", "redis"])
def shared(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    return request.param(tmp_path, monkeypatch)


def client_of(
    opend: Simulator, quota: Quota, **options: Any
) -> AbstractAsyncContextManager[Client]:
    return aiocapdist.connect(opend.memory, quota=quota, **options)


async def ends_after_the_bound(shared: Shared) -> None:
    async with Simulator() as opend, client_of(opend, shared.quota(limit=2)) as client:
        await client.capital_distributions(CODES[:2])
        lost = anyio.current_time()
        shared.lose()
        async with anyio.create_task_group() as group:
            calls = [
                Call(group, client.capital_distribution, "HK.00700"),
                Call(group, client.capital_distribution, "HK.00700", max_wait=1e6),
                Call(group, client.capital_distribution, "HK.00001", timeout=1e6),
            ]
            sweep = Call(group, client.capital_distributions(CODES).collect)
            late = 0.0
            for call in calls:
                error = await call.error()
                assert isinstance(error, QuotaUnavailable)
                assert f"out of reach for 60 s ({shared.reason}" in str(error)
                late = max(late, anyio.current_time() - lost - BOUND)
            errors = (await sweep.value()).errors
            late = max(late, anyio.current_time() - lost - BOUND)
        assert set(errors) == set(CODES)
        assert {type(error) for error in errors.values()} == {QuotaUnavailable}
        assert 0.0 <= late <= 0.1
        figure(25, lost=type(shared).__name__, ended=f"{BOUND + late:.1f} s after the loss")
        assert client.quota.waiting == 0
        before = anyio.current_time()
        with pytest.raises(QuotaUnavailable):
            await client.capital_distribution("HK.00002")
        assert (await client.capital_distributions(CODES)).errors.keys() == set(CODES)
        assert (await client.global_state()).conn_id
        assert anyio.current_time() == pytest.approx(before, abs=0.1), "at once"
        assert client.status.state == "ready"


def test_calls_and_sweeps_end_sixty_seconds_after_the_loss(shared: Shared) -> None:
    run_virtually(ends_after_the_bound, shared)


async def goes_on_when_it_is_back(shared: Shared) -> None:
    async with (
        Simulator() as opend,
        client_of(opend, shared.quota(), reconnect_timeout=5.0) as client,
    ):
        await client.capital_distribution("HK.00001")
        events = client.events()
        shared.lose()
        with anyio.fail_after(60.0), pytest.raises(QuotaUnavailable, match="out of reach for 5 s"):
            await client.capital_distributions(CODES[:40])
            await client.capital_distribution("HK.00002")
        shared.bring_back()
        with anyio.fail_after(200.0):
            async for event in events:
                if isinstance(event, QuotaRestored):
                    break
            assert (await client.capital_distribution("HK.00003")).code == "HK.00003"


def test_calls_go_on_when_it_is_back(shared: Shared) -> None:
    run_virtually(goes_on_when_it_is_back, shared)


async def waits_for_ever(shared: Shared) -> None:
    async with (
        Simulator() as opend,
        client_of(opend, shared.quota(limit=1), reconnect_timeout=None) as client,
        anyio.create_task_group() as group,
    ):
        await client.capital_distribution("HK.00001")
        shared.lose()
        call = Call(group, client.capital_distribution, "HK.00002")
        await anyio.sleep(10_000.0)
        assert not call.ended
        shared.bring_back()
        assert (await call.value()).code == "HK.00002"


def test_without_a_reconnect_timeout_they_wait_for_as_long_as_it_takes(shared: Shared) -> None:
    run_virtually(waits_for_ever, shared)


async def bounds_name_the_cause(shared: Shared) -> None:
    async with Simulator() as opend, client_of(opend, shared.quota(limit=1)) as client:
        await client.capital_distribution("HK.00001")
        shared.lose()
        async with anyio.create_task_group() as group:
            hopeful = Call(group, client.capital_distribution, "HK.00002")
            await anyio.sleep(35.0)
            began = anyio.current_time()
            with pytest.raises(TimedOut) as timed_out:
                await client.capital_distribution("HK.00003", timeout=3.0)
            assert anyio.current_time() - began == pytest.approx(3.0, abs=0.1)
            assert timed_out.value.waited_for == "quota"
            assert timed_out.value.eta is None
            assert shared.reason in str(timed_out.value)
            outcome = (await client.capital_distributions(["HK.00005"], timeout=3.0)).errors
            assert shared.reason in str(outcome["HK.00005"])
            with pytest.raises(QuotaWaitTooLong, match=shared.reason):
                await client.capital_distribution("HK.00004", max_wait=3.0)
            assert anyio.current_time() - began == pytest.approx(9.0, abs=0.1)
            hopeful.cancel()


def test_timeout_and_max_wait_end_calls_in_time_and_name_the_cause(shared: Shared) -> None:
    run_virtually(bounds_name_the_cause, shared)


async def a_watch_goes_on(shared: Shared) -> None:
    async with (
        Simulator() as opend,
        client_of(opend, shared.quota(), reconnect_timeout=5.0) as client,
    ):
        watch = client.watch(["HK.00001"], every=10.0, while_closed=True)
        changes = aiter(watch)
        assert (await anext(changes)).value is not None
        async with anyio.create_task_group() as group:
            group.start_soon(anext, changes)
            shared.lose()
            await anyio.sleep(100.0)
            known = len(opend.requests)
            shared.bring_back()
            await anyio.sleep(300.0)  # a file that was replaced is not trusted for 151 s
            assert sum(request.code == "HK.00001" for request in opend.requests[known:]) >= 4
            group.cancel_scope.cancel()


def test_a_watch_goes_on_when_it_is_back(shared: Shared) -> None:
    run_virtually(a_watch_goes_on, shared)


async def another_gateway_serves(shared: Shared) -> None:
    async with Simulator() as one, Simulator() as other:
        connects = [
            aiocapdist.connect(one.memory, quota=shared.quota(limit=1)),
            aiocapdist.connect(other.memory, quota=Quota(1, 100.0)),
        ]
        async with aiocapdist.connect_many(connects) as clients:
            await clients.capital_distributions(CODES[:2])
            shared.lose()
            began = anyio.current_time()
            assert (await clients.capital_distribution("HK.00700")).code == "HK.00700"
            assert anyio.current_time() - began > BOUND, "by the other one"
            await other.go_away()
            with pytest.raises(aiocapdist.AiocapdistError, match=f"{shared.reason}|away for 60 s"):
                await clients.capital_distribution("HK.00001")


def test_of_several_gateways_one_whose_quota_can_be_used_serves(shared: Shared) -> None:
    run_virtually(another_gateway_serves, shared)


# ---- what is no loss for good


async def a_fallback_serves(shared: RedisShared) -> None:
    async with (
        Simulator() as opend,
        client_of(opend, shared.quota(limit=2, fallback=1), reconnect_timeout=5.0) as client,
    ):
        await client.capital_distributions(CODES[:2])
        shared.lose()
        await anyio.sleep(20.0)
        began = anyio.current_time()
        assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
        assert anyio.current_time() - began > 5.0


async def a_new_book_is_waited_for(shared: RedisShared) -> None:
    shared.cold = 41.0
    async with (
        Simulator() as opend,
        client_of(opend, shared.quota(), reconnect_timeout=5.0) as client,
    ):
        assert (await client.capital_distribution("HK.00700")).code == "HK.00700"
        assert anyio.current_time() == pytest.approx(41.0, abs=0.2)


@pytest.mark.parametrize("main", [a_fallback_serves, a_new_book_is_waited_for])
def test_a_wait_whose_end_is_known_is_waited_for(
    main: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_virtually(main, RedisShared(tmp_path, monkeypatch))
