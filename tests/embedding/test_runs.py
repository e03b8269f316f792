"""Several loops in one process, one after another, each with a client, all with one quota."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import pairwise
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import Quota, QuotaWaitTooLong

from ..support.internals import users
from ..support.loops import LOOPS
from .opend_thread import OpendThread, no_leaks


def run_on(backend: str, options: dict[str, Any], main: Callable[[], Awaitable[Any]]) -> Any:
    return anyio.run(main, backend=backend, backend_options=options)


RUNS: dict[str, Callable[[Callable[[], Awaitable[Any]]], Any]] = {
    "asyncio.run": lambda main: asyncio.run(main()),  # type: ignore[arg-type]
    **{f"anyio.run on {loop.id}": partial(run_on, *loop.values[0]) for loop in LOOPS},
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_client_lives_in_each_of_several_runs(opend_thread: OpendThread, run: Any) -> None:
    async def main() -> str:
        with anyio.fail_after(10):
            async with no_leaks(opend_thread):
                async with aiocapdist.connect(port=opend_thread.port) as client:
                    return (await client.capital_distribution("HK.00700")).code

    assert [run(main) for _ in range(3)] == ["HK.00700"] * 3


def test_a_quota_used_on_one_loop_after_another_remembers_what_was_spent(
    opend_thread: OpendThread,
) -> None:
    """The clocks of the loops start at different times."""
    quota = Quota(len(RUNS), 60.0)

    async def spend() -> None:
        async with aiocapdist.connect(port=opend_thread.port, quota=quota) as client:
            await client.capital_distribution("HK.00700")

    async def find_none() -> float:
        async with aiocapdist.connect(port=opend_thread.port, quota=quota) as client:
            with pytest.raises(QuotaWaitTooLong) as error:
                await client.capital_distribution("HK.00700", max_wait=1.0)
            return error.value.eta

    began = time.monotonic()
    for n, run in enumerate(RUNS.values(), 1):
        run(spend)
        assert quota.available == len(RUNS) - n
        assert users(quota) == 0
    for run in RUNS.values():
        eta = run(find_none)
        assert 60.0 - (time.monotonic() - began) <= eta <= 60.05, run


def test_a_call_waits_for_the_tokens_that_an_earlier_run_spent(opend_thread: OpendThread) -> None:
    quota = Quota(1, 0.3)

    async def spend() -> None:
        with anyio.fail_after(10):
            async with aiocapdist.connect(port=opend_thread.port, quota=quota) as client:
                await client.capital_distribution("HK.00700")

    before = len(opend_thread.opend.requests)
    for run in RUNS.values():
        run(spend)
    # OpenD's own clock, the same for all runs.
    asked = [r.time for r in opend_thread.opend.requests[before:] if r.proto_id == 3212]
    gaps = [later - sooner for sooner, later in pairwise(asked)]
    assert len(gaps) == len(RUNS) - 1
    assert min(gaps) > 0.3


def test_closing_again_in_another_run_is_no_error(opend_thread: OpendThread) -> None:
    """The client of the first run was closed when that run ended."""
    kept = []

    async def forget() -> None:
        client = await aiocapdist.connect(port=opend_thread.port)
        kept.append(client)
        await client.capital_distribution("HK.00700")

    async def close() -> None:
        with anyio.fail_after(5):
            await kept[0].aclose()
            with pytest.raises(aiocapdist.ClientClosed):
                await kept[0].capital_distribution("HK.00700")
            assert kept[0].status.state == "closed"
            assert [event async for event in kept[0].events()] == []

    asyncio.run(forget())
    asyncio.run(close())
    anyio.run(close, backend="trio")
