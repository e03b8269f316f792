"""When a request begins to count, as assumed of OpenD."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from aiocapdist.simulator import Assumptions, Simulator

from ..simulator.raw import RawClient, distribution_request, raw_client

pytestmark = pytest.mark.anyio


async def is_answered(client: RawClient, at: float) -> bool:
    """True if a request sent at this time is within the limit."""
    await anyio.sleep_until(at)
    reply = await client.ask(3212, int(at * 1000), distribution_request(1, "00700"))
    return reply.refusal == (0, "")


@pytest.mark.parametrize(("counted", "after"), [("arrival", [True]), ("reply", [False, True])])
async def test_a_request_counts_for_a_period_from_then(counted: Any, after: list[bool]) -> None:
    assumed = Assumptions(counted=counted)
    async with Simulator(quota=(1, 30.0), latency=2.0, assumptions=assumed) as opend:
        async with raw_client(opend) as client:
            start = anyio.current_time()
            assert await is_answered(client, start)
            assert not await is_answered(client, start + 29.9)
            times = (start + 31.95, start + 34.0)
            assert [
                await is_answered(client, at) for at, _ in zip(times, after, strict=False)
            ] == after


async def test_replies_that_overtake_each_other_count_from_their_own_times() -> None:
    assumed = Assumptions(counted="reply")
    async with Simulator(quota=(2, 30.0), latency=(0.0, 4.0), assumptions=assumed) as opend:
        async with raw_client(opend) as one, raw_client(opend) as other:
            async with anyio.create_task_group() as group:
                group.start_soon(is_answered, one, anyio.current_time())
                group.start_soon(is_answered, other, anyio.current_time())
            both = anyio.current_time()
            assert not await is_answered(one, both + 25.9)
            assert await is_answered(one, both + 30.1)
            assert opend.largest_window == 2
