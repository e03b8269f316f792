"""Promise 2: cancelling is clean anywhere; here while connecting, closing, and in the simulator.

The same interrupts as in test_cancelling_everywhere.py, over every transport. After each, no
task, socket or token is left, nobody uses the quota, and the next hundred calls, of another
client on the same quota, get their own answers.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from aiocapdist import Client, ClientClosed, Quota
from aiocapdist.simulator import Simulator

from ..support.cancelling import Interrupt, Operation, Point, Run, interrupt_everywhere
from ..support.internals import (
    is_finished,
    leftovers_in_quota,
    listeners,
    pause_grants,
    resume_grants,
    users,
)
from ..support.leaks import Baseline, check_next_calls, wait_no_leftovers
from ..support.loops import ASYNCIO_LOOPS, STEPPED_LOOPS
from ..support.operations import CODE, CODES
from ..support.transports import TRANSPORTS, Transport, fixed_simulator
from ..support.waiting import Call, checkpoints, until
from .interrupting import (
    SCALE,
    Record,
    cancellations,
    connected,
    step_cancellation,
    wide_quota,
)

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.usefixtures("no_reconnect_delay"),
]
SOME_TRANSPORTS = [
    transport for transport in TRANSPORTS if SCALE > 1 or transport.cipher != "ftaes-ecb"
]


async def check_nothing_left(
    transport: Transport, opend: Simulator, quota: Quota, baseline: Baseline, calls: int = 100
) -> None:
    """Check that nothing is left of the last client, and that the next one works."""
    await baseline.wait_restored()
    resume_grants(quota)
    assert users(quota) == 0
    assert listeners(quota) == []
    assert leftovers_in_quota(quota) == {}
    async with transport.connect(opend, quota=quota) as client:
        await check_next_calls(client, calls)
    await baseline.wait_restored()


async def interrupt_lifetimes(
    transport: Transport,
    scene: Callable[[Simulator, Quota], Any],
    record: Record,
    kinds: list[tuple[Point, Interrupt]],
    stride: int = 1,
) -> None:
    quota = wide_quota()
    async with fixed_simulator(transport, quota=None) as opend:
        await checkpoints(3)  # until it listens
        baseline = Baseline(opend)

        async def check(run: Run) -> None:
            await check_nothing_left(transport, opend, quota, baseline, 100 if SCALE > 1 else 1)

        for point, interrupt in kinds:
            count = await interrupt_everywhere(
                lambda: scene(opend, quota), point, interrupt, check, stride=stride
            )
            record(f"{transport} {point.name} {interrupt.__name__}", count)
        await check_nothing_left(transport, opend, quota, baseline)
    gc.collect()


def one_call(transport: Transport) -> Callable[[Simulator, Quota], Any]:
    @asynccontextmanager
    async def scene(opend: Simulator, quota: Quota) -> AsyncIterator[Operation]:
        async def operation() -> None:
            async with transport.connect(opend, quota=quota) as client:
                await client.capital_distribution(CODE)
                await anyio.lowlevel.checkpoint()

        yield operation

    return scene


@pytest.mark.parametrize("transport", SOME_TRANSPORTS, ids=str)
async def test_a_client_cancelled_at_any_await_of_its_life_leaves_nothing(
    transport: Transport, record_property: Record
) -> None:
    with anyio.fail_after(60):
        await interrupt_lifetimes(transport, one_call(transport), record_property, cancellations())


@pytest.mark.parametrize("anyio_backend", STEPPED_LOOPS)
@pytest.mark.parametrize("transport", SOME_TRANSPORTS, ids=str)
async def test_a_client_cancelled_at_any_step_of_the_loop_leaves_nothing(
    transport: Transport, anyio_backend: Any, record_property: Record
) -> None:
    with anyio.fail_after(60):
        await interrupt_lifetimes(
            transport,
            one_call(transport),
            record_property,
            [step_cancellation()],
            stride=1 if SCALE > 1 else 4,
        )


@pytest.mark.parametrize("anyio_backend", ASYNCIO_LOOPS)
@pytest.mark.parametrize("transport", SOME_TRANSPORTS, ids=str)
async def test_an_awaited_connect_cancelled_at_any_await_leaves_nothing(
    transport: Transport, record_property: Record
) -> None:
    clients: list[Client] = []

    @asynccontextmanager
    async def scene(opend: Simulator, quota: Quota) -> AsyncIterator[Operation]:
        async def operation() -> None:
            clients.append(await transport.connect(opend, quota=quota))
            await anyio.lowlevel.checkpoint()
            await clients[-1].aclose()

        yield operation
        while clients:  # a client that was returned is its user's to close
            await clients.pop().aclose()

    with anyio.fail_after(60):
        await interrupt_lifetimes(transport, scene, record_property, cancellations())


@pytest.mark.parametrize("transport", SOME_TRANSPORTS, ids=str)
async def test_a_busy_client_is_closed_even_if_closing_is_cancelled_at_any_await(
    transport: Transport, record_property: Record
) -> None:
    """A sweep and a call are queued, another call is in flight."""

    @asynccontextmanager
    async def scene(opend: Simulator, quota: Quota) -> AsyncIterator[Operation]:
        async with (
            anyio.create_task_group() as group,
            transport.connect(opend, quota=quota) as client,
        ):
            pause_grants(quota)
            calls = [
                Call(group, client.capital_distributions(CODES).collect),
                Call(group, client.capital_distribution, CODE),
                Call(group, client.global_state),
            ]
            await until(lambda: quota.waiting)
            yield client.aclose
            if client.status.state == "closed":  # else it was cancelled before it began
                assert is_finished(client), "aclose() returned before the task had ended"
            await client.aclose()
            for call in calls[1:]:
                await call.end()
            assert isinstance(await calls[1].error(), ClientClosed)
            result = await calls[0].value()
            assert set(result.values) | set(result.errors) == set(CODES)
            assert result.values == {}

    with anyio.fail_after(60):
        await interrupt_lifetimes(transport, scene, record_property, cancellations())


@pytest.mark.parametrize("transport", SOME_TRANSPORTS, ids=str)
async def test_a_simulator_cancelled_at_any_await_of_its_life_leaves_nothing(
    transport: Transport, record_property: Record
) -> None:
    baseline = Baseline()

    @asynccontextmanager
    async def scene() -> AsyncIterator[Operation]:
        async def operation() -> None:
            async with fixed_simulator(transport) as opend:
                await anyio.lowlevel.checkpoint()
                assert not opend.connections

        yield operation

    async def check(run: Run) -> None:
        await baseline.wait_restored()

    with anyio.fail_after(60):
        for point, interrupt in cancellations():
            count = await interrupt_everywhere(scene, point, interrupt, check)
            record_property(f"{transport} {point.name} {interrupt.__name__}", count)
        async with (
            fixed_simulator(transport, quota=None) as opend,
            transport.connect(opend, quota=wide_quota()) as client,
        ):
            await check_next_calls(client)
    gc.collect()


@pytest.mark.parametrize("away_first", [False, True], ids=["going away", "coming back"])
@pytest.mark.parametrize("transport", SOME_TRANSPORTS, ids=str)
async def test_a_simulator_cancelled_as_it_goes_away_or_comes_back_can_be_told_again(
    transport: Transport, away_first: bool, record_property: Record
) -> None:
    with anyio.fail_after(60):
        async with connected(transport) as env:
            opend, client = env.opend, env.client
            baseline = Baseline(opend)

            @asynccontextmanager
            async def scene() -> AsyncIterator[Operation]:
                if away_first:
                    await opend.go_away()
                yield opend.come_back if away_first else opend.go_away
                if not away_first:
                    await opend.go_away()
                    await until(lambda: not opend.connections)
                await opend.come_back()

            async def check(run: Run) -> None:
                await until(lambda: client.status.state == "ready" and opend.connections == 1)
                await check_next_calls(client, 100 if SCALE > 1 else 1)
                await wait_no_leftovers(client)
                await baseline.wait_restored()

            for point, interrupt in cancellations():
                count = await interrupt_everywhere(scene, point, interrupt, check)
                record_property(f"{transport} {point.name} {interrupt.__name__}", count)
    gc.collect()
