"""The server goes away, comes back, forgets: nothing is sent that might be one too many, callers
only wait, and users are told."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from math import inf
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import Client, QuotaDegraded, QuotaRestored, QuotaWaitTooLong
from aiocapdist.quota import RedisQuota
from aiocapdist.simulator import Simulator

from ...support.waiting import Call, until
from ..siblings import UNLIMITED
from .conftest import GRACE
from .servers import Server, needs_redis, running

pytestmark = [needs_redis, pytest.mark.anyio, pytest.mark.usefixtures("short_grace")]
LIMIT, PERIOD, LEASE, MARGIN = 4, 0.4, 0.4, 0.02
COLD = LEASE + GRACE + PERIOD + MARGIN
CODES = [f"HK.{n:05d}" for n in range(1, 100)]


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        server.warm("key")
        yield server


class World:
    """A client, what it was told of its quota, and an OpenD that only counts."""

    def __init__(self, opend: Simulator, client: Client, told: list[object]) -> None:
        self.opend = opend
        self.client = client
        self.told = told

    async def is_told(self, condition: Callable[[object], object]) -> None:
        await until(lambda: self.told and condition(self.told[-1]))

    def sent(self) -> list[float]:
        """When each question was counted."""
        return [request.time for request in self.opend.requests if request.code]


@asynccontextmanager
async def world(server: Server, *, latency: float = 0.01, **options: Any) -> AsyncIterator[World]:
    quota = RedisQuota(server.url, "key", LIMIT, PERIOD, margin=MARGIN, lease=LEASE, **options)
    told: list[object] = []
    with anyio.fail_after(20):
        async with (
            Simulator(quota=(UNLIMITED, PERIOD), latency=latency) as opend,
            aiocapdist.connect(port=opend.port, quota=quota) as client,
            anyio.create_task_group() as group,
        ):
            await client.global_state()

            async def listen() -> None:
                async for event in client.events():
                    if isinstance(event, QuotaDegraded | QuotaRestored):
                        told.append(event)

            group.start_soon(listen)
            yield World(opend, client, told)
            group.cancel_scope.cancel()
    assert opend.largest_window <= LIMIT


def reason_is(words: str) -> Callable[[object], bool]:
    return lambda event: isinstance(event, QuotaDegraded) and words in event.reason


def is_back(event: object) -> bool:
    return isinstance(event, QuotaRestored)


FORGETS: dict[str, Callable[[Server], object]] = {
    "it is killed and started anew": Server.restart,
    "its memory is cleared": lambda server: server.say("FLUSHALL"),
    "its key is deleted": lambda server: server.say("DEL", "key"),
}


@pytest.mark.parametrize("how", FORGETS)
async def test_whatever_it_forgets_no_window_is_exceeded(server: Server, how: str) -> None:
    async with world(server) as here:
        async with anyio.create_task_group() as group:
            sweep = Call(group, here.client.capital_distributions(CODES[:21]).collect)
            await until(lambda: len(here.sent()) >= 6)
            FORGETS[how](server)
            forgotten = anyio.current_time()
            report = await sweep.value()
        assert list(report.values) == CODES[:21]
        assert reason_is("not known there")(here.told[-2])
        assert is_back(here.told[-1])
        # What it had lent in that very moment is still used; then nothing is, for as long.
        pauses = [later for later in here.sent() if later > forgotten + LEASE]
        assert pauses[0] > forgotten + COLD - 0.05


async def test_an_older_state_that_is_loaded_is_not_believed(server: Server) -> None:
    async with world(server) as here:
        await here.client.capital_distribution(CODES[0])
        server.say("SAVE")
        await here.client.capital_distributions(CODES[1:LIMIT]).collect()
        server.restart()
        assert server.leases("key") == {"expiring": 1} or server.leases("key") == {"held": 1}
        await here.client.capital_distributions(CODES[10:20]).collect()
        assert any(map(reason_is("not known there"), here.told))


async def test_while_it_is_away_calls_wait_and_then_go_by_themselves(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aiocapdist")
    async with world(server) as here:
        await here.client.capital_distribution(CODES[0])
        server.kill()
        async with anyio.create_task_group() as group:
            call = Call(group, here.client.capital_distribution, CODES[1])
            await here.is_told(reason_is("connecting to"))
            assert here.told == [QuotaDegraded(reason=here.told[0].reason, fallback=0)]  # type: ignore[attr-defined]
            assert here.client.quota.available == 0
            assert here.client.quota.eta() == inf
            with pytest.raises(QuotaWaitTooLong):
                await here.client.capital_distribution(CODES[2], max_wait=0.1)
            await anyio.sleep(0.5)
            assert not call.ended
            assert len(here.sent()) == 1
            server.start()
            await call.value()
        assert is_back(here.told[-1])
        assert len(here.told) == 3, "away, new, and back"
        logged = [record.levelname for record in caplog.records if "quota at" in record.message]
        assert logged == ["WARNING", "WARNING", "INFO"]


async def test_one_that_hangs_is_noticed_and_goes_on_where_it_was(server: Server) -> None:
    async with world(server) as here:
        await here.client.capital_distribution(CODES[0])
        server.freeze()
        async with anyio.create_task_group() as group:
            call = Call(group, here.client.capital_distribution, CODES[1])
            await here.is_told(reason_is("it does not answer"))
            server.thaw()
            await call.value()
        assert [type(event) for event in here.told] == [QuotaDegraded, QuotaRestored]
        assert server.leases("key").get("asking") is None


async def test_replies_that_come_meanwhile_are_told_later(server: Server) -> None:
    async with world(server, latency=0.2) as here:
        async with anyio.create_task_group() as group:
            calls = [Call(group, here.client.capital_distribution, code) for code in CODES[:3]]
            # Not the leases: a pause ends those before they are looked at.
            await until(lambda: len(here.sent()) == len(calls))
            server.freeze()
            for call in calls:
                await call.value()
            await here.is_told(reason_is("it does not answer"))
        server.thaw()
        await here.is_told(is_back)
        assert server.leases("key").get("held") is None


async def test_a_connection_that_was_cut_is_no_matter(server: Server) -> None:
    async with world(server) as here:
        await here.client.capital_distribution(CODES[0])
        assert server.say("CLIENT", "KILL", "TYPE", "normal") >= 1
        await here.client.capital_distribution(CODES[1])
        assert here.told == []


async def test_a_script_that_it_has_forgotten_is_told_anew(server: Server) -> None:
    async with world(server) as here:
        await here.client.capital_distribution(CODES[0])
        server.say("SCRIPT", "FLUSH")
        await here.client.capital_distribution(CODES[1])
        assert here.told == []


async def test_a_share_of_its_own_begins_when_all_else_has_expired(server: Server) -> None:
    async with world(server, fallback=2) as here:
        await here.client.capital_distributions(CODES[:LIMIT]).collect()
        server.kill()
        async with anyio.create_task_group() as group:
            sweep = Call(group, here.client.capital_distributions(CODES[10:25]).collect)
            await here.is_told(reason_is("connecting to"))
            lost = anyio.current_time()
            assert here.told[0].fallback == 2  # type: ignore[attr-defined]
            await until(lambda: len(here.sent()) >= LIMIT + 5)
            alone = here.sent()[LIMIT:]
            assert alone[0] > lost + COLD - 0.05
            assert alone[1] - alone[0] < PERIOD, "two of them"
            assert alone[2] - alone[0] > PERIOD, "and no more"
            assert 0 < here.client.quota.eta(3) < 5.0
            server.start()
            await sweep.value()
        assert is_back(here.told[-1])
        window = here.sent()
        assert len(window) == LIMIT + 15


async def test_what_was_spent_by_the_share_counts_when_the_server_is_back(server: Server) -> None:
    async with world(server, fallback=2) as here:
        server.freeze()
        async with anyio.create_task_group() as group:
            calls = [Call(group, here.client.capital_distribution, code) for code in CODES[:2]]
            for call in calls:
                await call.value()
        server.thaw()
        await here.is_told(is_back)
        assert server.leases("key") == {"expiring": 2}
