"""What the tests that cancel and close at every point have in common."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import anyio

from aiocapdist import Quota
from aiocapdist._loop import on_asyncio

from ..support import custom_call
from ..support.cancelling import Interrupt, Point, cancel_scope, cancel_task
from ..support.environment import Environment
from ..support.transports import TRANSPORTS, Transport, fixed_simulator

SCALE = int(os.environ.get("AIOCAPDIST_SCALE", "1"))
TCP, MEMORY = TRANSPORTS[0], TRANSPORTS[-1]

Record: TypeAlias = Callable[[str, object], None]
"""pytest's ``record_property``."""


def cancellations() -> list[tuple[Point, Interrupt]]:
    """Return every kind of cancellation on the running loop."""
    if not on_asyncio():
        return [(Point.BEGINS, cancel_scope)]
    return [
        (Point.BEGINS, cancel_task),
        (Point.ENDS, cancel_task),
        (Point.BEGINS, cancel_scope),
    ]


def step_cancellation() -> tuple[Point, Interrupt]:
    """Return a cancellation before a step of the running loop."""
    return Point.STEP, cancel_task if on_asyncio() else cancel_scope


def wide_quota() -> Quota:
    """Return a quota that makes no call wait: tokens are back at once."""
    return Quota(1000, 0.01, margin=0.0)


@asynccontextmanager
async def connected(transport: Transport) -> AsyncIterator[Environment]:
    """Connect a client to a simulator over this transport."""
    answers = {custom_call.PROTO_ID: custom_call.double}
    async with fixed_simulator(transport, quota=None, answers=answers) as opend:
        async with transport.connect(opend, quota=wide_quota()) as client:
            await client.capital_flow("HK.00001")  # its quota has a task from now on
            async with anyio.create_task_group() as group:
                yield Environment(opend, client, group)
                group.cancel_scope.cancel()
