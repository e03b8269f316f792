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
from ..embedding.elsewhere import tasks_of_this_loop
from ..support import own_call
from ..support.cancelling import Strike, When, cancel_scope, cancel_task, everywhere
from ..support.doors import DOORS, OpenDoor, opend_at
from ..support.leftovers import answers_the_next, until_nothing_is_left
from ..support.operations import SCENES
from ..support.worlds import World

pytestmark = pytest.mark.anyio
SCALE = int(os.environ.get("AIOCAPDIST_SCALE", "1"))
TCP, MEMORY = DOORS[0], DOORS[-1]
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


def ways() -> list[tuple[When, Strike]]:
    """Every way of being cancelled on this loop."""
    if not on_asyncio():
        return [(When.BEGINS, cancel_scope)]
    return [
        (When.BEGINS, cancel_task),
        (When.ENDS, cancel_task),
        (When.BEGINS, cancel_scope),
    ]


def wide_open() -> Quota:
    """The hundred calls wait for no token, and tokens are back at once."""
    return Quota(1000, 0.01, margin=0.0)


@asynccontextmanager
async def connected(door: OpenDoor) -> AsyncIterator[World]:
    async with opend_at(door, quota=None, answers={own_call.PROTO_ID: own_call.double}) as opend:
        async with door.connect(opend, quota=wide_open()) as client:
            async with anyio.create_task_group() as group:
                yield World(opend, client, group)
                group.cancel_scope.cancel()


async def cancel_everywhere(
    name: str,
    door: OpenDoor,
    ways: list[tuple[When, Strike]],
    tell: Callable[[str, object], None],
    stride: int = 1,
) -> None:
    async with connected(door) as world:
        tasks = len(tasks_of_this_loop())

        async def check(calls: int) -> None:
            await until_nothing_is_left(world.client)
            await answers_the_next(world.client, calls)
            await until_nothing_is_left(world.client)
            assert world.opend.connections == 1
            assert len(tasks_of_this_loop()) == tasks

        for when, strike in ways:
            count = await everywhere(
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
    doors = [TCP, MEMORY] if SCALE > 1 else [TCP if on_asyncio() else MEMORY]
    with anyio.fail_after(60):
        for door in doors:
            await cancel_everywhere(name, door, ways(), record_property)


@pytest.mark.parametrize("anyio_backend", STEPPED)
@pytest.mark.parametrize("name", SCENES)
async def test_a_call_cancelled_at_any_step_of_the_loop_leaves_nothing(
    name: str, anyio_backend: Any, record_property: Callable[[str, object], None]
) -> None:
    strike = cancel_task if on_asyncio() else cancel_scope
    stride = 1 if SCALE > 1 else 4
    with anyio.fail_after(60):
        await cancel_everywhere(name, MEMORY, [(When.STEP, strike)], record_property, stride)
