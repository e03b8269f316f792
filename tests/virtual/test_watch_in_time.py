"""Watches through hours of virtual time: the pace, markets, errors, slow readers, losses."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import anyio
import pytest
from google.protobuf.message import Message

import aiocapdist
from aiocapdist import BackendError, Change, Client, ConnectionLost, OpenDError, Quota, Watch
from aiocapdist._pb import global_state_pb2
from aiocapdist._protocol.backoff import LONGEST
from aiocapdist.simulator import Fault, Faults, Simulator

from ..support.internals import leftovers_in_client, simulated_time
from ..support.market_hours import SetClock, running_from
from ..support.scripted_server import error_reply, figures_reply
from ..support.transports import asked_codes
from ..support.virtual_asyncio import BACKENDS, virtual

pytestmark = pytest.mark.anyio
HK = [f"HK.{n:05d}" for n in range(1, 101)]
MORNING = "2023-11-15 10:00"
LATENCY = 0.05


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return virtual(request.param)


for_hours = pytest.mark.parametrize("anyio_backend", BACKENDS[:1], indirect=True)
"""On one loop: the rules are the same on the other, as the first minutes show."""


@asynccontextmanager
async def world(
    at: str = MORNING, quota: Quota | None = None, **options: Any
) -> AsyncIterator[tuple[Simulator, Client]]:
    """A simulator whose clock begins at this time in Hong Kong, and a client."""
    connecting = {
        name: options.pop(name) for name in ("attempts", "reconnect_timeout") if name in options
    }
    options |= {"latency": LATENCY, "keep_alive_interval": 300}
    async with Simulator(now=running_from(at), **options) as opend:
        async with aiocapdist.connect(opend.memory, quota=quota, **connecting) as client:
            yield opend, client


async def follow(watch: Iterable[Change] | Watch, seconds: float) -> list[Change]:
    """Return the changes that come within this time."""
    changes = []
    with anyio.move_on_after(seconds):
        async for change in watch:  # type: ignore[union-attr]
            changes.append(change)
    return changes


def asked_at(opend: Simulator, code: str | None = None, proto_id: int = 3212) -> list[float]:
    """When requests were counted, by the loop's clock."""
    return [
        request.time
        for request in opend.requests
        if request.proto_id == proto_id and code in (None, request.code)
    ]


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


# ---- pace


async def test_from_the_second_round_on_codes_are_spread_evenly() -> None:
    async with world() as (opend, client):
        began = anyio.current_time()
        watch = client.watch(HK[:40], every=60.0)
        await follow(watch, 300.0)
        times = [at - began for at in asked_at(opend)]
        assert len(times) == pytest.approx(40 * 5, abs=1)
        assert max(times[:40]) < 31, "the first round as fast as the quota allows"
        expected = [60.0 + 1.5 * n for n in range(len(times) - 40)]
        assert times[40:] == pytest.approx(expected, abs=LATENCY + 0.01)
        assert asked_codes(opend)[40:80] == asked_codes(opend)[80:120] == HK[:40]
        assert watch.round_time == pytest.approx(60.0, abs=0.1)
        assert opend.largest_window == 30
        assert client.quota.rejections == 0


@pytest.mark.parametrize(("n", "reserve"), [(90, 0), (90, 10)])
async def test_a_pace_that_the_quota_does_not_allow_is_slower_and_as_even(
    n: int, reserve: int
) -> None:
    rate = (30 - reserve) / 30.05
    async with world(quota=Quota(reserve=reserve)) as (opend, client):
        watch = client.watch(HK[:n], every=30.0)
        await follow(watch, 4 * n / rate)
        assert watch.round_time == pytest.approx(n / rate, rel=0.005)
        later = asked_at(opend)[-2 * n :]
        assert min(gaps(later)) > 0.85 / rate
        assert max(gaps(later)) < 1.15 / rate
        assert client.quota.rejections == 0
        assert client.quota.available == reserve


@for_hours
async def test_a_watch_leaves_single_calls_their_turn() -> None:
    waited = []
    async with world() as (opend, client), anyio.create_task_group() as group:
        watch = client.watch(HK, every=60.0)  # 100 codes: more than the quota allows

        async def ask() -> None:
            await anyio.sleep(110.0)
            for n in range(100):
                before = anyio.current_time()
                await client.capital_distribution(f"US.A{n}")
                waited.append(anyio.current_time() - before)
                await anyio.sleep(7.3)

        group.start_soon(ask)
        await follow(watch, 900.0)
        asked = Counter(asked_codes(opend))
        counts = [asked[code] for code in HK]
        assert max(waited) < 1.2, "the next token is theirs"
        assert max(counts) - min(counts) <= 1
        assert opend.largest_window == 30
        group.cancel_scope.cancel()


@for_hours
@pytest.mark.parametrize(
    ("delays", "most"), [((0.0, 20.0), 1.02), ((0.0, 45.0), 1.02), ((0.0, 20.0, 25.0, 40.0), 2.0)]
)
async def test_watches_of_the_same_codes_share_requests(
    delays: tuple[float, ...], most: float
) -> None:
    async with world() as (opend, client), anyio.create_task_group() as group:
        for delay in delays:

            async def run(delay: float = delay) -> None:
                await anyio.sleep(delay)
                await follow(client.watch(HK[:10], every=60.0), 3600.0)

            group.start_soon(run)
        await anyio.sleep(3600.0)
        assert 10 * 60 <= len(asked_at(opend)) <= 10 * 60 * most
        group.cancel_scope.cancel()


async def test_a_code_that_is_added_is_asked_at_once_and_one_discarded_never_again() -> None:
    async with world() as (opend, client):
        watch = client.watch(HK[:20], every=60.0)
        reader = aiter(watch)
        with anyio.move_on_after(100.0):
            while True:
                await anext(reader)
        added = anyio.current_time()
        watch.add(["HK.00700"])
        watch.discard(HK[:10])
        discarded = len(opend.requests)
        with anyio.move_on_after(600.0):
            while (await anext(reader)).code != "HK.00700":
                pass
            assert anyio.current_time() - added < 1.0
            while True:
                await anext(reader)
        later = Counter(request.code for request in opend.requests[discarded:])
        assert not set(later) & set(HK[:10])
        assert (
            max(later[code] for code in watch.codes) - min(later[code] for code in watch.codes) <= 1
        )
        assert max(gaps(asked_at(opend, "HK.00700"))) < 62


@for_hours
async def test_codes_that_come_and_go_do_not_hold_up_the_others() -> None:
    async with world(quota=Quota(30, 30.0)) as (opend, client), anyio.create_task_group() as group:
        watch = client.watch(HK[:25], every=60.0)
        group.start_soon(follow, watch, 2000.0)
        await anyio.sleep(100.0)
        for n in range(900):
            code = f"US.A{n}"
            watch.add([code])
            await anyio.sleep(1.0)
            watch.discard([code])
        counts = [len(asked_at(opend, code)) for code in HK[:25]]
        assert min(counts) >= 14, "1000 s at a code a minute, with the others beside them"
        assert max(counts) - min(counts) <= 1
        group.cancel_scope.cancel()


# ---- readers


async def test_a_slow_reader_gets_the_latest_and_the_number_of_those_it_missed() -> None:
    async with world() as (opend, client):
        watch = client.watch(HK[:4], every=60.0)
        changes: list[Change] = []
        with anyio.move_on_after(1000.0):
            async for change in watch:
                changes.append(change)
                assert change.value is not None
                assert change.value.updated_at is not None
                age = opend_now(opend) - change.value.updated_at.timestamp()
                assert age < 66.0, "never older than a round"
                await anyio.sleep(200.0)
        assert changes[0].skipped == 0
        assert changes[1].skipped in (2, 3)
        assert sum(change.skipped for change in changes[1:]) > 8
        assert len(asked_at(opend)) == pytest.approx(4 * 17, abs=4), "at its own pace"


def opend_now(opend: Simulator) -> float:
    return simulated_time(opend)


async def test_a_fast_and_a_slow_reader_are_told_of_the_same_changes() -> None:
    async with world() as (_, client), anyio.create_task_group() as group:
        watch = client.watch(HK[:5], every=30.0)
        told: dict[str, Counter[str]] = {"fast": Counter(), "slow": Counter()}

        async def read(name: str, pause: float) -> None:
            async for change in watch:
                told[name][change.code] += 1 + change.skipped
                await anyio.sleep(pause)

        group.start_soon(read, "fast", 0.0)
        group.start_soon(read, "slow", 47.0)
        await anyio.sleep(2000.0)
        group.cancel_scope.cancel()
        for code, number in told["fast"].items():
            assert 0 <= number - told["slow"][code] <= 2000 / 30, code
            assert told["slow"][code] > 2000 / 30 - 15


async def test_a_paused_reader_asks_nothing_and_catches_up_when_it_is_back() -> None:
    async with world() as (opend, client):
        reader = aiter(client.watch(HK[:20], every=60.0))
        with anyio.move_on_after(130.0):
            while True:
                await anext(reader)
        await anyio.sleep(LATENCY)
        before = len(opend.requests)
        await anyio.sleep(600.0)
        assert {request.proto_id for request in opend.requests[before:]} <= {1004}
        back = anyio.current_time()
        fresh: set[str] = set()
        with anyio.fail_after(60.0):
            while len(fresh) < 20:
                change = await anext(reader)
                assert change.value is not None
                assert change.value.updated_at is not None
                if change.value.updated_at.timestamp() >= opend_now(opend) - 5:
                    fresh.add(change.code)
        assert anyio.current_time() - back < 21, "one round, at the quota's rate"


# ---- errors


async def test_an_error_is_reported_when_it_begins_and_the_figures_when_it_is_over() -> None:
    script = [None, None, *[Fault.GATEWAY_ERROR] * 3, None, None]
    async with world("2023-11-15 18:00", attempts=1, faults=Faults(script=script)) as (_, client):
        watch = client.watch(["HK.00700"], every=60.0, while_closed=True)
        told = await follow(watch, 600.0)
    assert [type(change.error) for change in told] == [type(None), BackendError, type(None)]
    value, failed, over = told
    assert failed.value is None
    assert failed.previous == value.value
    assert over.value == over.previous == value.value, "it is over, though nothing has changed"


async def test_an_error_of_another_type_is_reported_again() -> None:
    script = [Fault.GATEWAY_ERROR, Fault.MISSING_FIELDS, Fault.MISSING_FIELDS, Fault.GATEWAY_ERROR]
    faults = Faults(script=script)
    async with world(attempts=1, faults=faults) as (_, client):
        watch = client.watch(["HK.00700"], every=60.0, while_closed=True)
        told = await follow(watch, 230.0)
    names = [type(change.error).__name__ for change in told]
    assert names == ["BackendError", "ProtocolError", "BackendError"]
    assert all(change.previous is None for change in told)


async def test_an_unread_error_can_be_over_before_it_is_read() -> None:
    script = [None, None, Fault.GATEWAY_ERROR]
    async with world("2023-11-15 18:00", attempts=1, faults=Faults(script=script)) as (_, client):
        watch = client.watch(["HK.00700"], every=60.0, while_closed=True)
        told = []
        with anyio.move_on_after(600.0):
            async for change in watch:
                told.append(change)
                await anyio.sleep(250.0)
    assert [change.skipped for change in told] == [0, 1]
    assert told[1].value == told[1].previous == told[0].value


# ---- OpenD away


async def test_a_short_loss_is_no_error_and_its_codes_are_asked_again() -> None:
    async with world(reconnect_timeout=None) as (opend, client):
        events = client.events()
        watch = client.watch(HK[:20], every=60.0)

        async def go() -> None:
            await anyio.sleep(120.0)
            await opend.go_away()
            await anyio.sleep(40.0)
            await opend.come_back()

        async with anyio.create_task_group() as group:
            group.start_soon(go)
            told = await follow(watch, 400.0)
        assert [change for change in told if change.error is not None] == []
        assert (
            max(gap for code in HK[:20] for gap in gaps(asked_at(opend, code)))
            < 60 + 40 + LONGEST + 25
        )
        quick = [gap for gap in gaps(asked_at(opend)[40:]) if gap < 0.9]
        assert len(quick) <= 1, "late turns are made up for evenly, beside the one that was lost"
        kinds = [type(event).__name__ async for event in _so_far(events)]
        assert kinds.count("Disconnected") == 1


async def _so_far(events: Any) -> AsyncIterator[Any]:
    with anyio.move_on_after(0.1):
        async for event in events:
            yield event


async def test_only_codes_whose_request_failed_get_an_error() -> None:
    """OpenD is away for longer than calls wait for it."""
    async with world(reconnect_timeout=60.0) as (opend, client):
        watch = client.watch(HK[:20], every=60.0)

        async def go() -> None:
            await anyio.sleep(120.03)  # a request is on its way
            await opend.go_away()
            await anyio.sleep(300.0)
            await opend.come_back()

        async with anyio.create_task_group() as group:
            group.start_soon(go)
            told = await follow(watch, 600.0)
        errors = [change for change in told if change.error is not None]
        assert len(errors) == 1
        assert isinstance(errors[0].error, ConnectionLost)
        failed = errors[0].code
        after = told[told.index(errors[0]) + 1 :]
        assert {change.code for change in after} == set(HK[:20])
        assert next(change for change in after if change.code == failed).value is not None


# ---- markets


@for_hours
async def test_a_closed_market_is_asked_once_more_and_then_rests_until_it_opens() -> None:
    async with world("2023-11-15 15:50") as (opend, client), anyio.create_task_group() as group:
        zero = anyio.current_time()
        codes = [*HK[:5], "SH.600519", "AU.BHP"]
        watch = client.watch(codes, every=60.0)
        told: list[Change] = []

        async def read() -> None:
            async for change in watch:
                told.append(change)

        group.start_soon(read)
        await anyio.sleep(18 * 3600.0)  # until 9:50 of the next day
        closed, opens = zero + 600.0, zero + 17.6666 * 3600.0
        for code in codes[:6]:
            times = asked_at(opend, code)
            night = [at for at in times if closed + 30.0 < at < opens]
            assert len(night) == 1, "once after it was seen to close"
            assert night[0] < closed + 95.0
            morning = [at for at in times if at > opens]
            assert morning[0] < opens + 30.0 + 60.0 + 1.0
            assert max(gaps(morning)) < 61.0
        assert max(gaps(asked_at(opend, "AU.BHP"))[1:]) < 61.0, "its state is never told"
        assert min(gaps(asked_at(opend, proto_id=1002))) > 29.9
        values = [change.value for change in told if change.code == HK[0]]
        evening = [one for one in values if one and one.update_time == "2023-11-15 16:00:00"]
        assert len(evening) == 1, "the closing figures were seen"
        group.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("at", "requests"), [("2023-11-15 12:10", 5), ("2023-11-18 11:00", 5), (MORNING, 5 * 10)]
)
async def test_a_market_that_is_closed_from_the_start_is_asked_once(at: str, requests: int) -> None:
    async with world(at) as (opend, client):
        told = await follow(client.watch(HK[:5], every=60.0), 599.0)
        assert {change.code for change in told[:5]} == set(HK[:5])
        assert len(asked_at(opend)) == requests


async def test_with_while_closed_nothing_rests_and_no_state_is_asked() -> None:
    async with world("2023-11-18 11:00") as (opend, client):
        await follow(client.watch(HK[:5], every=60.0, while_closed=True), 599.0)
        assert len(asked_at(opend)) == 5 * 10
        assert asked_at(opend, proto_id=1002) == []


async def test_a_request_that_failed_while_its_market_is_closed_is_made_again() -> None:
    replies = [error_reply(-1, "NN_ProtoRet_TimeOut")] * 2 + [figures_reply(1.0)] * 9
    async with world(
        "2023-11-18 11:00", attempts=1, answers={3212: lambda body: replies.pop(0)}
    ) as (opend, client):
        told = await follow(client.watch(["HK.00700"], every=60.0), 600.0)
        assert len(asked_at(opend)) == 3
        assert [type(change.error) for change in told] == [BackendError, type(None)]


def state_of(hong_kong: int) -> global_state_pb2.Response:
    s2c = global_state_pb2.S2C(
        marketHK=hong_kong,
        marketUS=hong_kong,
        marketSH=hong_kong,
        marketSZ=hong_kong,
        marketHKFuture=hong_kong,
        qotLogined=True,
        trdLogined=True,
        serverVer=1011,
        serverBuildNo=1,
        time=1_700_000_000,
    )
    return global_state_pb2.Response(retType=0, retMsg="", errCode=0, s2c=s2c)


@pytest.mark.parametrize("number", [0, 1, 3, 5, 30, 99])
async def test_states_that_say_nothing_and_unknown_ones_count_as_open(number: int) -> None:
    async with world(answers={1002: lambda body: state_of(number)}) as (opend, client):
        await follow(client.watch(HK[:5], every=60.0), 599.0)
        assert len(asked_at(opend)) == 50


async def test_a_state_that_opend_refuses_to_tell_counts_as_open() -> None:
    replies: list[Message] = [state_of(6)] * 4 + [error_reply(-1, "no")] * 4 + [state_of(6)] * 99
    async with world(answers={1002: lambda body: replies.pop(0)}) as (opend, client):
        began = anyio.current_time()
        told = await follow(client.watch(["HK.00700"], every=60.0), 900.0)
        assert not any(isinstance(change.error, OpenDError) for change in told)
        times = [at - began for at in asked_at(opend)]
        # At once; while it does not tell, from 120 to 240 s; and once more after that.
        assert [round(at / 30) for at in times] == [0, 4, 6, 8]


async def test_a_market_unseen_for_long_is_asked_once_more() -> None:
    async with world("2023-11-15 19:00", reconnect_timeout=None) as (opend, client):
        watch = client.watch(["HK.00700"], every=60.0)

        async def go() -> None:
            await anyio.sleep(600.0)
            await opend.go_away()
            await anyio.sleep(3600.0)
            await opend.come_back()

        async with anyio.create_task_group() as group:
            group.start_soon(go)
            await follow(watch, 6000.0)
        assert len(asked_at(opend)) == 2


async def test_two_watches_share_the_questions_for_the_markets() -> None:
    async with world() as (opend, client), anyio.create_task_group() as group:
        for part in (HK[:5], HK[5:10]):
            group.start_soon(follow, client.watch(part, every=60.0), 600.0)
            await anyio.sleep(7.0)
        await anyio.sleep(600.0)
        assert min(gaps(asked_at(opend, proto_id=1002))) > 29.9
        group.cancel_scope.cancel()


@for_hours
async def test_an_iteration_after_a_long_time_begins_with_fresh_figures() -> None:
    async with world() as (opend, client):
        watch = client.watch(HK[:5], every=60.0)
        await follow(watch, 130.0)
        await anyio.sleep(8 * 3600.0)  # it is 18:00
        before = len(asked_at(opend))
        again = await follow(watch, 100.0)
        assert {change.code for change in again} == set(HK[:5])
        assert len(asked_at(opend)) == before + 5
        for change in again:
            assert change.value is not None
            assert change.value.update_time == "2023-11-15 16:00:00"
        await anyio.sleep(1.0)
        assert leftovers_in_client(client) == {}


async def test_the_figures_of_a_standing_clock_are_no_change() -> None:
    async with (
        Simulator(now=SetClock()) as opend,
        aiocapdist.connect(opend.memory) as client,
    ):
        assert len(await follow(client.watch(HK[:5], every=60.0), 3600.0)) == 5
        assert len(asked_at(opend)) == 5 * 60
