"""Promise 2: cancelling is clean anywhere (see test_cancelling_connecting.py for the rest).

Each call is cancelled at its k-th await, for every k until it ends before that, in each state
that it may find: by asyncio's own cancel as the wait begins and as it is over, and by a scope,
which is trio's way. Then before the n-th step of anything on the loop, which is every moment
there is, whoever's turn it may be. After each: no task, no token, no entry in any table is left,
and the next calls get their own answers. ``AIOCAPDIST_SCALE=2`` leaves no step out.
"""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from aiocapdist import Quota
from aiocapdist._loop import on_asyncio

from ..conftest import LOOPS
from ..support import custom_call
from ..support.cancelling import Interrupt, Point, cancel_scope, cancel_task, interrupt_everywhere
from ..support.environment import Environment
from ..support.leaks import check_next_calls, tasks_of_this_loop, wait_no_leftovers
from ..support.operations import SCENES
from ..support.transports import TRANSPORTS, Transport, fixed_simulator

pytestmark = pytest.mark.anyio
SCALE = int(os.environ.get("AIOCAPDIST_SCALE", "1"))
TCP, MEMORY = TRANSPORTS[0], TRANSPORTS[-1]
STEPPED = [loop for loop in LOOPS if loop.id != "uvloop"]
"""Loops whose steps can be counted."""


@pytest.fixture(scope="module", autouse=True)
def only_new_objects_collected() -> Iterator[None]:
    gc.collect()
    gc.freeze()  # what is here by now is not looked through again by each test
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiocapdist._protocol.backoff.FIRST", 0.0)
    monkeypatch.setattr("aiocapdist._protocol.backoff.BASE", 0.0)


def ways() -> list[tuple[Point, Interrupt]]:
    """Every way of being cancelled on this loop."""
    if not on_asyncio():
        return [(Point.BEGINS, cancel_scope)]
    return [
        (Point.BEGINS, cancel_task),
        (Point.ENDS, cancel_task),
        (Point.BEGINS, cancel_scope),
    ]


def wide_open() -> Quota:
    """The hundred calls wait for no token, and tokens are back at once."""
    return Quota(1000, 0.01, margin=0.0)


@asynccontextmanager
async def connected(transport: Transport) -> AsyncIterator[Environment]:
    async with fixed_simulator(
        transport, quota=None, answers={custom_call.PROTO_ID: custom_call.double}
    ) as opend:
        async with transport.connect(opend, quota=wide_open()) as client:
            async with anyio.create_task_group() as group:
                yield Environment(opend, client, group)
                group.cancel_scope.cancel()


async def cancel_everywhere(
    name: str,
    transport: Transport,
    ways: list[tuple[Point, Interrupt]],
    tell: Callable[[str, object], None],
    stride: int = 1,
) -> None:
    async with connected(transport) as world:
        tasks = len(tasks_of_this_loop())

        async def check(calls: int) -> None:
            await wait_no_leftovers(world.client)
            await check_next_calls(world.client, calls)
            await wait_no_leftovers(world.client)
            assert world.opend.connections == 1
            assert len(tasks_of_this_loop()) == tasks

        for when, strike in ways:
            count = await interrupt_everywhere(
                lambda: SCENES[name](world),
                when,
                strike,
                lambda _: check(100 if SCALE > 1 else 1),
                stride=stride,
            )
            await check(100)
            tell(f"{when.name} {strike.__name__}", count)
    gc.collect()  # what was never closed, or never awaited, is told of now


@pytest.mark.parametrize("name", SCENES)
async def test_a_call_cancelled_at_any_of_its_awaits_leaves_nothing(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    # On trio a socket is carried as memory is; on asyncio it is a way of its own.
    transports = [TCP, MEMORY] if SCALE > 1 else [TCP if on_asyncio() else MEMORY]
    with anyio.fail_after(60):
        for transport in transports:
            await cancel_everywhere(name, transport, ways(), record_property)


@pytest.mark.parametrize("anyio_backend", STEPPED)
@pytest.mark.parametrize("name", SCENES)
async def test_a_call_cancelled_at_any_step_of_the_loop_leaves_nothing(
    name: str, anyio_backend: Any, record_property: Callable[[str, object], None]
) -> None:
    strike = cancel_task if on_asyncio() else cancel_scope
    stride = 1 if SCALE > 1 else 4
    with anyio.fail_after(60):
        await cancel_everywhere(name, MEMORY, [(Point.STEP, strike)], record_property, stride)
