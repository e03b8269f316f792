"""Promise 2: cancelling is clean anywhere (see test_cancelling_connecting.py for the rest).

Each call is cancelled at its k-th await, for every k until it ends before that, in each state
that it may meet: by asyncio's own cancel as the wait begins and as it ends, and by a scope, as
trio does. Then before the n-th step of any task or callback on the loop, which is every moment
there is. After each, no task, token or table entry is left, and the next calls get their own
answers. ``AIOCAPDIST_SCALE=2`` leaves no step out.
"""

from __future__ import annotations

import gc
from typing import Any

import anyio
import pytest

from aiocapdist._loop import on_asyncio

from ..support.cancelling import Interrupt, Point, interrupt_everywhere
from ..support.leaks import check_next_calls, tasks_of_this_loop, wait_no_leftovers
from ..support.loops import STEPPED_LOOPS
from ..support.operations import SCENES
from ..support.transports import Transport
from .interrupting import (
    MEMORY,
    SCALE,
    TCP,
    Record,
    cancellations,
    connected,
    step_cancellation,
)

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.usefixtures("no_reconnect_delay"),
]


async def cancel_everywhere(
    name: str,
    transport: Transport,
    kinds: list[tuple[Point, Interrupt]],
    record: Record,
    stride: int = 1,
) -> None:
    async with connected(transport) as env:
        tasks = len(tasks_of_this_loop())

        async def check(calls: int) -> None:
            await wait_no_leftovers(env.client)
            await check_next_calls(env.client, calls)
            await wait_no_leftovers(env.client)
            assert env.opend.connections == 1
            assert len(tasks_of_this_loop()) == tasks

        for point, interrupt in kinds:
            count = await interrupt_everywhere(
                lambda: SCENES[name](env),
                point,
                interrupt,
                lambda _: check(100 if SCALE > 1 else 1),
                stride=stride,
            )
            record(f"{point.name} {interrupt.__name__}", count)
        await check(100)
    gc.collect()  # so that warnings about what was never closed or awaited belong to this test


@pytest.mark.parametrize("name", SCENES)
async def test_a_call_cancelled_at_any_of_its_awaits_leaves_nothing(
    name: str, record_property: Record
) -> None:
    # On trio sockets and memory streams take the same path; on asyncio sockets have their own.
    transports = [TCP, MEMORY] if SCALE > 1 else [TCP if on_asyncio() else MEMORY]
    with anyio.fail_after(60):
        for transport in transports:
            await cancel_everywhere(name, transport, cancellations(), record_property)


@pytest.mark.parametrize("anyio_backend", STEPPED_LOOPS)
@pytest.mark.parametrize("name", SCENES)
async def test_a_call_cancelled_at_any_step_of_the_loop_leaves_nothing(
    name: str, anyio_backend: Any, record_property: Record
) -> None:
    stride = 1 if SCALE > 1 else 7
    with anyio.fail_after(60):
        await cancel_everywhere(name, MEMORY, [step_cancellation()], record_property, stride)
