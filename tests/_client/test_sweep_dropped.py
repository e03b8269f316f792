"""A sweep that nobody reads any more is left, whoever finds that out, and wherever."""

from __future__ import annotations

import gc
import threading

import anyio
import pytest

import aiocapdist
from aiocapdist import Client, Quota
from aiocapdist._requests.sweep_source import SweepSource
from aiocapdist.quota._core.fair_queue import Place
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.simulator import Simulator

from ..support.internals import leftovers_in_client
from ..support.leaks import wait_no_leftovers
from ..support.waiting import checkpoints

pytestmark = pytest.mark.anyio
CODES = [f"HK.{n:05d}" for n in range(1, 11)]


class Collecting(Place):
    """Counting it collects garbage, which may happen anywhere."""

    @property
    def length(self) -> int:
        gc.collect()
        return 1

    def grant(self, count: int, now: float) -> int:
        return count


async def begun(client: Client, *, read: int = 1, unreachable: bool = False) -> None:
    """A sweep that waits for tokens, or was read whole, and that nobody holds any more by then."""
    reader = aiter(client.capital_distributions(CODES))
    for _ in range(read):
        await anext(reader)
    if unreachable:
        ring: list[object] = [reader]
        ring.append(ring)


async def test_at_break_the_next_turn_finds_it_left() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port, quota=two()) as client:
            await begun(client)
            await checkpoints(3)
            assert client.quota.waiting == 0
            assert not leftovers_in_client(client)


async def test_so_it_does_with_a_bad_code_among_what_was_not_read() -> None:
    gc.collect()
    gc.disable()
    try:
        with anyio.fail_after(5):
            async with (
                Simulator() as opend,
                aiocapdist.connect(port=opend.port, quota=two()) as client,
            ):
                reader = aiter(client.capital_distributions(["", "hk.00001", *CODES]))
                await anext(reader)
                del reader
                await checkpoints(3)
                assert client.quota.waiting == 0
                await wait_no_leftovers(client)
    finally:
        gc.enable()


async def test_so_is_one_that_was_read_to_its_last_outcome_and_not_to_its_end() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(port=opend.port) as client:
            await begun(client, read=len(CODES))
            await checkpoints(3)
            assert not leftovers_in_client(client)


async def test_garbage_is_collected_in_the_middle_of_anything_and_that_harms_nothing() -> None:
    gc.collect()
    gc.disable()
    try:
        with anyio.fail_after(5):
            async with (
                Simulator() as opend,
                aiocapdist.connect(port=opend.port, quota=two()) as client,
            ):
                await begun(client, unreachable=True)
                line = scheduler_of(client.quota).queue
                places = [Collecting(), Collecting()]
                for place in places:
                    line.join(place)
                assert line.length == 3, "the sweep is in line as long as this takes"
                await checkpoints(3)
                assert line.places == set(places)
                for place in places:
                    line.leave(place)
    finally:
        gc.enable()


async def test_another_thread_may_find_it_and_yet_its_own_leaves_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left, threads = anyio.Event(), list[int]()

    def leave(place: SweepSource) -> None:
        threads.append(threading.get_ident())
        left.set()

    gc.collect()
    gc.disable()
    try:
        with anyio.fail_after(5):
            async with (
                Simulator() as opend,
                aiocapdist.connect(port=opend.port, quota=two()) as client,
            ):
                await begun(client, unreachable=True)
                monkeypatch.setattr(SweepSource, "leave", leave)
                thread = threading.Thread(target=gc.collect)
                thread.start()
                thread.join()
                await left.wait()
                assert threads == [threading.get_ident()]
    finally:
        gc.enable()


async def test_and_it_may_be_found_when_its_loop_has_long_ended() -> None:
    async def run() -> None:
        async with Simulator() as opend, aiocapdist.connect(port=opend.port, quota=two()) as client:
            reader = aiter(client.capital_distributions(CODES))
            await anext(reader)
            kept.append(reader)

    kept: list[object] = []
    await anyio.to_thread.run_sync(lambda: anyio.run(run))
    await anyio.to_thread.run_sync(lambda: anyio.run(run, backend="trio"))
    kept.clear()


def two() -> Quota:
    """Of which a sweep of ten has to wait."""
    return Quota(2, 60.0)
