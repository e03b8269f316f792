"""Row 23: a bad link is used while it is there. Five minutes on virtual time for each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import anyio
import pytest
import trio
import trio.testing

import aiocapdist
from aiocapdist import Client, Connected, Quota
from aiocapdist.simulator import Simulator

from .scale import figure

MINUTES = 5
PACE = 0.25
"""Seconds between two calls."""

Cut = Callable[[Simulator, Client], Any]


@pytest.fixture
def anyio_backend() -> Any:
    return ("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})


def after_seconds(seconds: float) -> Cut:
    """Cut each connection this long after its handshake."""

    async def cut(opend: Simulator, client: Client) -> None:
        async for event in client.events():
            if isinstance(event, Connected):
                await trio.sleep(seconds)
                opend.disconnect_all()

    return cut


def after_replies(count: int) -> Cut:
    """Cut each connection after this many replies."""

    async def cut(opend: Simulator, client: Client) -> None:
        while True:
            answered = len(opend.requests)
            while len(opend.requests) < answered + count:  # noqa: ASYNC110 - time is virtual
                await trio.sleep(PACE / 4)
            opend.disconnect_all()

    return cut


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "cut", "share"),
    [
        ("after 3 s", after_seconds(3.0), 0.75),
        ("after 9 s", after_seconds(9.0), 0.90),
        ("after 10 replies", after_replies(10), 0.75),
    ],
)
async def test_a_link_that_breaks_again_and_again_is_used(
    name: str, cut: Cut, share: float
) -> None:
    answered_at: list[float] = []
    ready = samples = 0
    async with (
        Simulator(quota=None, latency=0.02) as opend,
        aiocapdist.connect(opend.memory, quota=Quota(10**6, 1.0)) as client,
        anyio.create_task_group() as group,
    ):
        group.start_soon(cut, opend, client)

        async def call(n: int) -> None:
            await client.capital_distribution(f"US.A{n}")
            answered_at.append(trio.current_time())

        end = trio.current_time() + 60.0 * MINUTES
        while trio.current_time() < end:
            group.start_soon(call, samples)
            await trio.sleep(PACE)
            ready += client.status.state == "ready"
            samples += 1
        await trio.sleep(5.0)
        group.cancel_scope.cancel()
    longest = max(later - earlier for earlier, later in pairwise(answered_at))
    figure(
        23,
        cut=name,
        connected=f"{ready / samples:.0%}",
        answered=f"{len(answered_at)} of {samples}",
        longest_gap=f"{longest:.2f} s",
    )
    assert len(answered_at) == samples, "no call fails, and none is lost"
    assert ready / samples >= share
    assert longest <= 3.0
