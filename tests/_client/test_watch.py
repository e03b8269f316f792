"""``client.watch`` over real sockets: what a reader gets, and when nothing is asked any more."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import aiocapdist
from aiocapdist import (
    CapitalDistribution,
    Change,
    Client,
    ClientClosed,
    ClientGroup,
    ConnectionLost,
    InvalidCode,
    Quota,
    UnknownSecurity,
    Watch,
)
from aiocapdist._loop import on_asyncio
from aiocapdist.simulator import Simulator

from ..support.gateway_group import gateway_group
from ..support.internals import leftovers_in_client, leftovers_in_group
from ..support.leaks import wait_no_leftovers
from ..support.market_hours import SetClock
from ..support.transports import TRANSPORTS, Transport, asked_codes
from ..support.waiting import Call, checkpoints, until

pytestmark = pytest.mark.anyio
CODES = [f"HK.{n:05d}" for n in range(1, 6)]
FAST = 0.05


def wide() -> Quota:
    return Quota(100_000, 1.0)


async def read(reader: Any, count: int) -> list[Change]:
    """Return this many changes."""
    return [await anext(reader) for _ in range(count)]


async def let_ask(opend: Simulator, more: int) -> None:
    """Wait until the simulator was asked for this many codes more."""
    wanted = len(asked_codes(opend)) + more
    await until(lambda: len(asked_codes(opend)) >= wanted)


async def asks_nothing(client: Client | ClientGroup, opend: Simulator) -> bool:
    """True if nothing is asked for several rounds."""
    await client.global_state()  # a round trip: what was sent has arrived
    before = len(opend.requests)
    await anyio.sleep(4 * FAST)
    return len(opend.requests) == before


@pytest.mark.parametrize("transport", TRANSPORTS, ids=str)
async def test_first_the_figures_of_each_code_and_then_what_changed(transport: Transport) -> None:
    clock = SetClock()
    with anyio.fail_after(10):
        async with (
            transport.simulator(quota=None, now=clock) as opend,
            transport.connect(opend, quota=wide()) as client,
        ):
            watch = client.watch(CODES, every=FAST)
            assert type(watch) is Watch
            assert watch.codes == tuple(CODES)
            assert watch.round_time is None
            reader = aiter(watch)
            first = await read(reader, 5)
            assert sorted(change.code for change in first) == CODES
            for change in first:
                assert change.value is not None
                assert change.unwrap() is change.value
                assert (change.previous, change.error, change.gateway) == (None, None, None)
                assert change.skipped == 0
                assert abs((datetime.now(UTC) - change.seen_at).total_seconds()) < 10
            await let_ask(opend, 10)  # the same figures: no change
            clock.next_figures()
            second = await read(reader, 5)
            assert sorted(change.code for change in second) == CODES
            before = {change.code: change.value for change in first}
            for change in second:
                assert change.previous == before[change.code]
                assert change.value is not None
                assert change.value.updated_at != change.previous.updated_at  # type: ignore[union-attr]
            # From start to start: one that a busy machine began late makes the next one short.
            assert watch.round_time is not None
            assert watch.round_time > 0
            await reader.aclose()
            await wait_no_leftovers(client)  # one of the next round may be on its way


async def test_break_asks_nothing_more_and_leaves_nothing() -> None:
    with anyio.fail_after(10):
        async with (
            Simulator(quota=None, now=SetClock()) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
        ):
            async for _ in client.watch(CODES, every=FAST):
                break
            await wait_no_leftovers(client)
            assert await asks_nothing(client, opend)


async def test_a_watch_that_is_not_iterated_asks_nothing() -> None:
    with anyio.fail_after(10):
        async with (
            Simulator(quota=None, now=SetClock()) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
        ):
            watch = client.watch(CODES, every=FAST)
            watch.add(["HK.00700"])
            assert await asks_nothing(client, opend)
            assert leftovers_in_client(client) == {}


async def test_it_costs_one_task_however_many_codes() -> None:
    if not on_asyncio():
        pytest.skip("trio does not count tasks by itself")
    with anyio.fail_after(20):
        async with (
            Simulator(quota=None) as opend,
            aiocapdist.connect(opend.memory, quota=wide()) as client,
        ):
            codes = [f"SH.{n:06d}" for n in range(600_000, 600_500)]
            before = len(asyncio.all_tasks())
            reader = aiter(client.watch(codes, every=60.0))
            await read(reader, 500)
            assert len(asyncio.all_tasks()) <= before + 1
            assert len(client._hub.listeners - client._queues.all) == 1, "one queue"
            await reader.aclose()


async def test_the_figures_of_a_code_are_kept_once() -> None:
    clock = SetClock()
    codes = [f"SH.{n:06d}" for n in range(688_000, 688_100)]  # no other test's
    with anyio.fail_after(20):
        async with (
            Simulator(quota=None, now=clock) as opend,
            aiocapdist.connect(opend.memory, quota=wide()) as client,
        ):
            reader = aiter(client.watch(codes, every=0.2))
            for _ in range(2):
                for _ in codes:
                    await anext(reader)
                await let_ask(opend, 2 * len(codes))  # two rounds of the same figures
                clock.next_figures()
            for _ in codes:
                await anext(reader)
            await until(lambda: not client._single_flight.pending)
            gc.collect()
            found = [o for o in gc.get_objects() if type(o) is CapitalDistribution]
            kept = [figures for figures in found if figures.code in codes]  # not other tests'
            assert len(kept) <= len(codes) + 1
            await reader.aclose()


async def test_an_error_is_reported_once() -> None:
    clock = SetClock()
    with anyio.fail_after(10):
        async with (
            Simulator(quota=None, now=clock) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
        ):
            reader = aiter(client.watch(["HK.99999", "HK.00700"], every=FAST))
            first = {change.code: change for change in await read(reader, 2)}
            failed = first["HK.99999"]
            assert isinstance(failed.error, UnknownSecurity)
            assert failed.value is None
            with pytest.raises(UnknownSecurity):
                failed.unwrap()
            await let_ask(opend, 8)
            clock.next_figures()
            assert [change.code for change in await read(reader, 1)] == ["HK.00700"]
            await reader.aclose()


async def test_codes_are_added_and_discarded_on_the_way() -> None:
    clock = SetClock()
    with anyio.fail_after(10):
        async with (
            Simulator(quota=None, now=clock) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
        ):
            watch = client.watch(CODES, every=FAST)
            reader = aiter(watch)
            await read(reader, 5)
            watch.add(["SH.600519", CODES[0]])
            assert watch.codes == (*CODES, "SH.600519")
            assert [change.code for change in await read(reader, 1)] == ["SH.600519"]
            watch.discard([*CODES[1:], "US.NONE"])
            assert watch.codes == (CODES[0], "SH.600519")
            await let_ask(opend, 12)  # five of the others may have been on their way
            asked = asked_codes(opend)[-4:]
            assert set(asked) == {CODES[0], "SH.600519"}
            clock.next_figures()
            assert {change.code for change in await read(reader, 2)} == {CODES[0], "SH.600519"}
            watch.discard([CODES[0]])
            watch.add([CODES[0]])
            again = await anext(reader)
            assert (again.code, again.previous) == (CODES[0], None), "it is a new code again"
            watch.discard(watch.codes)
            assert await asks_nothing(client, opend)
            await reader.aclose()
            await wait_no_leftovers(client)


async def test_a_code_that_is_discarded_while_its_request_is_pending_is_not_reported() -> None:
    with anyio.fail_after(10):
        async with (
            Simulator(latency=0.2, now=SetClock()) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
            anyio.create_task_group() as group,
        ):
            watch = client.watch(CODES, every=60.0)
            reader = aiter(watch)
            await until(lambda: len(client._single_flight.pending) == 5)
            other = Call(group, client.capital_distribution, CODES[0])
            await checkpoints(3)
            watch.discard(CODES[:4])
            assert (await anext(reader)).code == CODES[4]
            assert (await other.value()).code == CODES[0], "another caller had joined"
            assert asked_codes(opend).count(CODES[0]) == 1
            await reader.aclose()


@pytest.mark.parametrize("codes", [["HK.00700", "hk.00005"], ["HK.00700", 700], [""]])
async def test_a_wrong_code_raises_where_it_is_given(codes: Any) -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            with pytest.raises(InvalidCode):
                client.watch(codes)
            watch = client.watch(["US.AAPL"])
            with pytest.raises(InvalidCode):
                watch.add(codes)
            assert watch.codes == ("US.AAPL",), "none is added"
            for give in (client.watch, watch.add, watch.discard):
                with pytest.raises(TypeError, match=r"try \['HK.00700'\]"):
                    give("HK.00700")


@pytest.mark.parametrize(
    ("every", "kind"),
    [
        *((wrong, ValueError) for wrong in (0, -1.0, float("inf"), float("nan"))),
        *((wrong, TypeError) for wrong in ("60", True, None)),
    ],
)
async def test_a_wrong_pace_is_an_error(every: Any, kind: type[Exception]) -> None:
    async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
        with pytest.raises(kind, match="every"):
            client.watch(CODES, every=every)


async def test_each_iteration_gets_all_changes_and_they_share_the_requests() -> None:
    clock = SetClock()
    with anyio.fail_after(10):
        async with (
            Simulator(quota=None, now=clock) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
        ):
            watch = client.watch(CODES, every=60.0)
            one, other = aiter(watch), aiter(watch)
            seen = [await read(reader, 5) for reader in (one, other)]
            assert seen[0] == seen[1]
            late = aiter(watch)
            assert sorted(change.code for change in await read(late, 5)) == CODES
            assert asked_codes(opend) == CODES
            await one.aclose()
            await other.aclose()
            watch.add(["SH.600519"])
            assert (await anext(late)).code == "SH.600519", "one reader is left"
            await late.aclose()
            await wait_no_leftovers(client)
            again = aiter(watch)
            assert len(await read(again, 6)) == 6
            assert len(asked_codes(opend)) == 6, "answers of this round serve a new reader"
            await again.aclose()


async def test_two_watches_of_a_client_share_requests() -> None:
    with anyio.fail_after(10):
        async with (
            Simulator(latency=0.05, now=SetClock()) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
        ):
            one = aiter(client.watch(CODES, every=60.0))
            await until(lambda: len(client._single_flight.pending) == 5)
            other = aiter(client.watch([*CODES, "SH.600519"], every=60.0))
            await read(one, 5)
            await read(other, 6)
            third = aiter(client.watch(CODES, every=30.0))
            await read(third, 5)
            assert Counter(asked_codes(opend)) == Counter([*CODES, "SH.600519"])


async def test_it_shares_the_requests_of_single_calls_and_sweeps() -> None:
    with anyio.fail_after(10):
        async with (
            Simulator(latency=0.05, now=SetClock()) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
            anyio.create_task_group() as group,
        ):
            single = Call(group, client.capital_distribution, CODES[0])
            await until(lambda: CODES[0] in client._single_flight.pending)
            reader = aiter(client.watch(CODES, every=60.0))
            result = await client.capital_distributions(CODES).collect()
            changes = {change.code: change.value for change in await read(reader, 5)}
            assert changes == result.values
            assert await single.value() is changes[CODES[0]]
            assert sorted(map(str, asked_codes(opend))) == CODES


async def test_a_cancelled_reader_loses_no_change_and_nothing_is_asked_for_it() -> None:
    clock = SetClock()
    with anyio.fail_after(10):
        async with (
            Simulator(quota=None, now=clock) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
        ):
            reader = aiter(client.watch(CODES, every=FAST))
            await read(reader, 5)
            with anyio.move_on_after(2 * FAST):
                await anext(reader)
            assert await asks_nothing(client, opend)
            clock.next_figures()
            changes = await read(reader, 5)
            assert sorted(change.code for change in changes) == CODES
            assert all(change.previous is not None for change in changes)
            await reader.aclose()


async def test_a_reader_polled_with_short_timeouts_makes_progress() -> None:
    """Cancelling a read must not cancel the request that it waits for."""
    with anyio.fail_after(10):
        async with (
            Simulator(latency=0.1, now=SetClock()) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
        ):
            reader = aiter(client.watch(CODES, every=60.0))
            got: set[str] = set()
            while len(got) < 5:
                with anyio.move_on_after(0.01):
                    got.add((await anext(reader)).code)
            assert sorted(map(str, asked_codes(opend))) == CODES
            await reader.aclose()


async def test_a_reader_that_always_has_changes_lets_others_run() -> None:
    with anyio.fail_after(20):
        async with (
            Simulator(quota=None) as opend,
            aiocapdist.connect(opend.memory, quota=wide()) as client,
        ):
            codes = [f"SH.{n:06d}" for n in range(600_000, 600_300)]
            watch = client.watch(codes, every=60.0)
            helper = aiter(watch)
            await read(helper, 300)
            turns = 0

            async def count() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await anyio.lowlevel.checkpoint()

            async with anyio.create_task_group() as group:
                group.start_soon(count)
                await read(aiter(watch), 300)
                assert turns >= 1
                group.cancel_scope.cancel()


async def test_two_tasks_cannot_read_one_iteration() -> None:
    with anyio.fail_after(5):
        async with Simulator(latency=0.1) as opend, aiocapdist.connect(opend.memory) as client:
            reader = aiter(client.watch(CODES))
            async with anyio.create_task_group() as group:
                first = Call(group, anext, reader)
                await until(lambda: reader._subscription.waiter is not None)
                with pytest.raises(RuntimeError, match="two tasks"):
                    await anext(reader)
                await first.value()


async def test_a_code_of_a_closed_market_rests_from_its_first_answer_on() -> None:
    """Not only when it would have its second turn: until then its figures would look old."""
    clock = SetClock()  # in Hong Kong it is day, in New York night
    async with (
        Simulator(now=clock) as opend,
        aiocapdist.connect(port=opend.port, quota=wide()) as client,
    ):
        watch = client.watch(["HK.00700", "US.AAPL", "US.NVDA"], every=60.0)
        reader = aiter(watch)
        assert not watch.resting
        with anyio.fail_after(5):
            await read(reader, 3)
        assert watch.resting == ("US.AAPL", "US.NVDA")
        await reader.aclose()


async def test_it_ends_with_client_closed_when_the_client_closes() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, anyio.create_task_group() as group:
            async with aiocapdist.connect(port=opend.port, quota=Quota(5, 60.0)) as client:
                watch = client.watch(CODES)
                reader = aiter(watch)
                await read(reader, 3)
                unread = aiter(watch)
                await until(lambda: len(unread._subscription.unread) == 5)
                watch.add(["SH.600519"])  # its request waits for the quota
                waiting = Call(group, read, reader, 9)
            assert isinstance(await waiting.error(), ClientClosed)
            for _ in range(2):
                with pytest.raises(ClientClosed):
                    await anext(reader)
            assert {change.code for change in await read(unread, 5)} == set(CODES)
            with pytest.raises(ClientClosed):
                await anext(unread)
            for late in (watch, client.watch(CODES)):
                with pytest.raises(ClientClosed):
                    await anext(aiter(late))


async def test_closing_the_watch_ends_every_iteration() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(quota=None, now=SetClock()) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
            anyio.create_task_group() as group,
        ):
            watch = client.watch(CODES, every=FAST)

            async def run() -> int:
                return len([change async for change in watch])

            calls = [Call(group, run) for _ in range(2)]
            await let_ask(opend, 12)
            for _ in range(2):
                await watch.aclose()
            assert [await call.value() for call in calls] == [5, 5]
            assert [change async for change in watch] == []
            await wait_no_leftovers(client)
            assert await asks_nothing(client, opend)


async def test_without_reconnecting_it_ends_with_the_loss() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(quota=None, now=SetClock()) as opend,
            aiocapdist.connect(port=opend.port, quota=wide(), reconnect=False) as client,
        ):
            reader = aiter(client.watch(CODES, every=60.0))
            await read(reader, 5)
            opend.disconnect_all()
            with pytest.raises(ConnectionLost):
                await anext(reader)
            with pytest.raises(ConnectionLost):
                await anext(aiter(client.watch(CODES)))


async def test_a_dropped_iteration_ends_even_if_it_is_garbage_in_a_cycle() -> None:
    with anyio.fail_after(5):
        async with (
            Simulator(quota=None, now=SetClock()) as opend,
            aiocapdist.connect(port=opend.port, quota=wide()) as client,
        ):
            reader = aiter(client.watch(CODES, every=FAST))
            await read(reader, 5)
            cycle: list[Any] = [reader]
            cycle.append(cycle)
            del reader, cycle
            gc.collect()
            await wait_no_leftovers(client)


async def test_an_iteration_keeps_its_client() -> None:
    if not on_asyncio():
        pytest.skip("on trio a client is left with its block")
    with anyio.fail_after(5):
        async with Simulator(quota=None, now=SetClock()) as opend:
            client = await aiocapdist.connect(port=opend.port, quota=wide())
            reader = aiter(client.watch(CODES, every=60.0))
            aclose = client.aclose
            del client
            gc.collect()
            assert len(await read(reader, 5)) == 5
            await aclose()
            with pytest.raises(ClientClosed):
                await anext(reader)


async def test_a_running_watch_is_changed_on_its_own_loop_only() -> None:
    with anyio.fail_after(5):
        async with Simulator(now=SetClock()) as opend, aiocapdist.connect(opend.memory) as client:
            watch = client.watch(CODES)
            await anyio.to_thread.run_sync(watch.add, ["SH.600519"])  # nobody iterates it yet
            reader = aiter(watch)
            for change in (watch.add, watch.discard):
                with pytest.raises(RuntimeError):
                    await anyio.to_thread.run_sync(change, ["HK.00700"])
            assert "SH.600519" in watch.codes
            await reader.aclose()


async def test_a_watch_made_by_a_closed_client_ends_with_client_closed() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend:
            async with aiocapdist.connect(opend.memory) as client:
                pass
            with pytest.raises(ClientClosed):
                await anext(aiter(client.watch(CODES)))


async def test_an_iteration_can_outlive_the_loop() -> None:
    """Nothing may be printed or raised when it is dropped later."""
    async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
        reader = aiter(client.watch(CODES))
        await read(reader, 1)
    kept.append(reader)


kept: list[Any] = []


async def test_a_groups_changes_name_the_gateway() -> None:
    clocks = SetClock()
    opends = [Simulator(quota=None, now=clocks) for _ in range(2)]
    with anyio.fail_after(10):
        async with gateway_group(*opends, quota=[wide(), wide()]) as (clients, gateways):
            await until(lambda: all(one.state == "ready" for one in clients.status.values()))
            codes = [f"HK.{n:05d}" for n in range(1, 41)]
            reader = aiter(clients.watch(codes, every=FAST))
            for change in await read(reader, 40):
                assert change.gateway is not None
                assert change.code in asked_codes(gateways[change.gateway])
            asked = Counter(code for opend in opends for code in asked_codes(opend)[:20])
            assert max(asked.values()) <= 2
            await opends[0].go_away()
            clocks.next_figures()
            left = set(codes)
            while left:
                change = await anext(reader)
                assert change.error is None
                left.discard(change.code)
            await reader.aclose()
            await until(lambda: not leftovers_in_group(clients))


async def test_a_group_that_closes_ends_it() -> None:
    with anyio.fail_after(5):
        opends = [Simulator(quota=None, now=SetClock()), Simulator(now=SetClock())]
        async with gateway_group(*opends) as (clients, _):
            reader = aiter(clients.watch(CODES))
            await read(reader, 5)
            await clients.aclose()
            with pytest.raises(ClientClosed):
                await anext(reader)
