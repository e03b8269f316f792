"""An idle client wakes for its keep-alives, and for nothing else.

Virtual time advances only when something wakes. Client and simulator share the loop, so that
its wake-ups are those of both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest
import trio

import aiocapdist
from aiocapdist.simulator import Simulator

from ..support.virtual_asyncio import BACKENDS, VirtualLoop, run_virtually
from .event_log import codes

HOUR = 3600.0
KEEP_ALIVE = 1004
EVERY = 8.0  # seconds: four fifths of OpenD's interval


class Moments(trio.abc.Instrument):
    """The times at which anything ran, each once."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def note(self, now: float) -> None:
        if not self.seen or self.seen[-1] != now:
            self.seen.append(now)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.note(trio.current_time())


@contextmanager
def watched(moments: Moments, on: str) -> Iterator[None]:
    """Record when the loop wakes within the block."""
    if on == "trio":
        trio.lowlevel.add_instrument(moments)
        yield
        trio.lowlevel.remove_instrument(moments)
        return
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    jump = loop.jump

    def noted_jump() -> None:
        jump()
        moments.note(loop.time())

    loop.jump = noted_jump  # type: ignore[method-assign]
    yield
    loop.jump = jump  # type: ignore[method-assign]


async def idle_hour(asked: int, on: str) -> tuple[list[float], list[float], int]:
    """Return when the loop woke in an idle hour, when keep-alives were due, and their number."""
    moments = Moments()
    async with Simulator(keep_alive_interval=10) as opend, aiocapdist.connect(opend.memory) as it:
        connected = anyio.current_time()
        async for outcome in it.capital_distributions(codes(asked)):
            outcome.unwrap()
        await anyio.sleep(1.0)  # the tokens expire, and nobody waits for them
        before, began = len(opend.requests), anyio.current_time()
        with watched(moments, on):
            await anyio.sleep(HOUR)
        told = opend.requests[before:]
    assert {request.proto_id for request in told} == {KEEP_ALIVE}
    ended = began + HOUR
    due = [connected + EVERY * n for n in range(1, int(2 * HOUR / EVERY))]
    return (
        [at for at in moments.seen if began < at < ended],
        [at for at in due if began < at < ended],
        len(told),
    )


# 31: at the end of such a sweep the quota's timer has just woken for the last token.
@pytest.mark.parametrize("asked", [0, 1, 31])
@pytest.mark.parametrize("on", BACKENDS)
def test_an_idle_client_wakes_only_for_its_keep_alives(on: str, asked: int) -> None:
    wakes, due, kept_alive = run_virtually(idle_hour, asked, on, on=on)
    assert wakes == pytest.approx(due)
    assert len(wakes) == kept_alive == HOUR / EVERY
