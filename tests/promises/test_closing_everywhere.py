"""Promise 16: closing is bounded, and can be repeated.

While something is awaited of a client, three other tasks close it at once: at the k-th await
and at the n-th step of the loop, for every k and n, in each state that the call may meet. Then
the call has ended, and no task, socket, token or waiter is left. The same over every transport
if OpenD reads no more. ``AIOCAPDIST_SCALE=2`` leaves nothing out.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from aiocapdist import AiocapdistError, Client, ClientClosed
from aiocapdist._loop import on_asyncio
from aiocapdist.simulator import Simulator

from ..support import custom_call
from ..support.cancelling import Operation, Point, Run, interrupt_everywhere
from ..support.environment import Environment
from ..support.internals import (
    is_finished,
    leftovers_in_client,
    leftovers_in_quota,
    resume_grants,
    stop_reading,
    users,
)
from ..support.leaks import Baseline
from ..support.loops import STEPPED_LOOPS
from ..support.operations import SCENES
from ..support.transports import TRANSPORTS, Transport, fixed_simulator
from ..support.waiting import Call, checkpoints, until
from .interrupting import MEMORY, SCALE, TCP, Record, wide_quota

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.usefixtures("no_reconnect_delay"),
]
CLOSERS = 3
SOME = [name for name in SCENES if name.startswith(("sweep,", "request once,")) or name == "events"]
"""Scenes for the transports that differ in their bytes alone."""


class Closing:
    """Clients of one simulator, each closed by several tasks at once when interrupted."""

    def __init__(self, name: str, transport: Transport, opend: Simulator) -> None:
        self._close_now = anyio.Event()
        self._scene = SCENES[name]
        self._transport = transport
        self._opend = opend
        self._baseline = Baseline(opend)

    def interrupt(self, run: Run) -> None:
        self._close_now.set()

    @asynccontextmanager
    async def scene(self) -> AsyncIterator[Operation]:
        self._close_now = anyio.Event()
        quota = wide_quota()
        async with (
            anyio.create_task_group() as group,
            self._transport.connect(self._opend, quota=quota) as client,
        ):
            closers = [Call(group, self._close, client) for _ in range(CLOSERS)]
            listener = Call(group, read_events, client)
            async with self._scene(Environment(self._opend, client, group)) as operation:
                yield lambda: or_closed(operation)
            self._close_now.set()
            for call in (*closers, listener):
                await call.end()
            await client.aclose()
            resume_grants(quota)
            assert client.status.state == "closed"
            assert leftovers_in_client(client) == {}
            with pytest.raises(ClientClosed):
                await client.global_state()
        assert users(quota) == 0
        assert leftovers_in_quota(quota) == {}

    async def _close(self, client: Client) -> None:
        await self._close_now.wait()
        await client.aclose()
        # Whichever task was first, aclose() returns when everything has ended.
        assert client.status.state == "closed"
        assert is_finished(client)

    async def check(self, run: Run) -> None:
        await self._baseline.wait_restored()


async def read_events(client: Client) -> None:
    """Read events until the client is closed."""
    async for _ in client.events():
        pass


async def or_closed(operation: Operation) -> None:
    """Run the operation; it may end with ClientClosed, and with no other error."""
    with suppress(ClientClosed):
        await operation()


async def close_everywhere(
    name: str, transport: Transport, point: Point, record: Record, stride: int
) -> None:
    answers = {custom_call.PROTO_ID: custom_call.double}
    async with fixed_simulator(transport, quota=None, answers=answers) as opend:
        await checkpoints(3)  # until it listens
        closing = Closing(name, transport, opend)
        count = await interrupt_everywhere(
            closing.scene, point, closing.interrupt, closing.check, stride=stride
        )
        record(f"{transport} {point.name}", count)
    gc.collect()


@pytest.mark.parametrize("name", SCENES)
async def test_a_client_closed_at_any_await_of_a_call_leaves_nothing(
    name: str, record_property: Record
) -> None:
    transports = [TCP if on_asyncio() else MEMORY] if SCALE == 1 else [TCP, MEMORY]
    with anyio.fail_after(60):
        for transport in transports:
            await close_everywhere(name, transport, Point.BEGINS, record_property, 1)


@pytest.mark.parametrize("name", SCENES if SCALE > 1 else SOME)
@pytest.mark.parametrize(
    "transport", [other for other in TRANSPORTS if other not in (TCP, MEMORY)], ids=str
)
async def test_a_client_closed_at_any_await_leaves_nothing_on_other_transports(
    name: str, transport: Transport, record_property: Record
) -> None:
    with anyio.fail_after(60):
        await close_everywhere(name, transport, Point.BEGINS, record_property, 1)


@pytest.mark.parametrize("anyio_backend", STEPPED_LOOPS)
@pytest.mark.parametrize("name", SCENES)
async def test_a_client_closed_at_any_step_of_the_loop_leaves_nothing(
    name: str, anyio_backend: Any, record_property: Record
) -> None:
    with anyio.fail_after(60):
        await close_everywhere(name, MEMORY, Point.STEP, record_property, 1 if SCALE > 1 else 11)


@pytest.mark.parametrize("transport", TRANSPORTS, ids=str)
async def test_closing_does_not_wait_for_an_opend_that_reads_no_more(
    transport: Transport, record_property: Record
) -> None:
    """Eighteen megabytes are queued and the pipe is full: closed after each number of turns, from
    the first byte's writing to where nothing moves any more."""
    big = BytesValue(value=bytes(60_000))
    with anyio.fail_after(60):
        async with fixed_simulator(transport, quota=None) as opend:
            await checkpoints(3)
            baseline = Baseline(opend)
            for count in range(0, 24, 1 if SCALE > 1 else 8):
                async with anyio.create_task_group() as group:
                    async with transport.connect(opend) as client:
                        stop_reading(opend, never)
                        calls = [
                            Call(group, client.request, custom_call.PROTO_ID, big, BytesValue)
                            for _ in range(300)
                        ]
                        await until(lambda: client.status.calls == 300)
                        await checkpoints(count)
                        with anyio.fail_after(10):
                            async with anyio.create_task_group() as closers:
                                for _ in range(CLOSERS):
                                    closers.start_soon(client.aclose)
                    ends = Counter([await end_of(call) for call in calls])
                    # What its last read before brought in may have been answered.
                    assert set(ends) <= {ClientClosed, BytesValue}
                    assert ends[ClientClosed] > 290
                    assert leftovers_in_client(client) == {}
                opend.disconnect_all()  # reading nothing, it does not notice that we have gone
                await baseline.wait_restored()
    gc.collect()


async def end_of(call: Call) -> type:
    """Return the type of the call's result or error."""
    try:
        return type(await call.value())
    except AiocapdistError as error:
        return type(error)


async def never(*args: Any) -> bytes:
    await anyio.sleep_forever()
    raise AssertionError("unreachable")
