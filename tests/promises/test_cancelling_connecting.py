"""Promise 2: cancelling is clean anywhere; here in connecting, closing, and in the simulator.

The same strikes as in test_cancelling_everywhere.py, on what begins and ends connections,
through every door. After each: no task, no socket, no token is left, nobody uses the quota, and
the next hundred calls, of another client on the same quota, get their own answers.
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

from ..conftest import LOOPS
from ..support.cancelling import (
    Operation,
    Point,
    Run,
    cancel_scope,
    cancel_task,
    interrupt_everywhere,
)
from ..support.internals import leftovers_in_quota, pause_grants, resume_grants
from ..support.leaks import Baseline, check_next_calls, wait_no_leftovers
from ..support.operations import CODE, CODES
from ..support.transports import TRANSPORTS, Transport, fixed_simulator
from ..support.waiting import Call, checkpoints, until
from .test_cancelling_everywhere import (
    SCALE,
    STEPPED,
    connected,
    no_delay,
    only_new_objects_collected,
    ways,
    wide_open,
)

__all__ = ["no_delay", "only_new_objects_collected"]
pytestmark = pytest.mark.anyio
Tell = Callable[[str, object], None]
ON_ASYNCIO = [loop for loop in LOOPS if loop.values[0][0] == "asyncio"]
DOORS_HERE = (
    TRANSPORTS
    if SCALE > 1
    else [transport for transport in TRANSPORTS if transport.cipher != "ftaes-ecb"]
)


async def gone_and_answering(
    transport: Transport, opend: Simulator, quota: Quota, room: Baseline, calls: int = 100
) -> None:
    """Nothing is left of a client that was, and the next one works."""
    await room.wait_restored()
    resume_grants(quota)
    assert quota._users == 0
    assert quota._watchers == []
    assert leftovers_in_quota(quota) == {}
    async with transport.connect(opend, quota=quota) as client:
        await check_next_calls(client, calls)
    await room.wait_restored()


async def strike_all(
    transport: Transport,
    scene: Callable[[Simulator, Quota], Any],
    tell: Tell,
    whens: list[tuple[Point, Any]],
    stride: int = 1,
) -> None:
    quota = wide_open()
    async with fixed_simulator(transport, quota=None) as opend:
        await checkpoints(3)  # by then it listens
        room = Baseline(opend)

        async def check(run: Run) -> None:
            await gone_and_answering(transport, opend, quota, room, 100 if SCALE > 1 else 1)

        for when, strike in whens:
            count = await interrupt_everywhere(
                lambda: scene(opend, quota), when, strike, check, stride=stride
            )
            tell(f"{transport} {when.name} {strike.__name__}", count)
        await gone_and_answering(transport, opend, quota, room)
    gc.collect()


def enter_use_and_exit(transport: Transport) -> Callable[[Simulator, Quota], Any]:
    @asynccontextmanager
    async def scene(opend: Simulator, quota: Quota) -> AsyncIterator[Operation]:
        async def operation() -> None:
            async with transport.connect(opend, quota=quota) as client:
                await client.capital_distribution(CODE)
                await anyio.lowlevel.checkpoint()

        yield operation

    return scene


@pytest.mark.parametrize("transport", DOORS_HERE, ids=str)
async def test_a_client_cancelled_at_any_await_from_its_beginning_to_its_end(
    transport: Transport, record_property: Tell
) -> None:
    with anyio.fail_after(60):
        await strike_all(transport, enter_use_and_exit(transport), record_property, ways())


@pytest.mark.parametrize("anyio_backend", STEPPED)
@pytest.mark.parametrize("transport", DOORS_HERE, ids=str)
async def test_a_client_cancelled_at_any_step_of_the_loop_in_its_life(
    transport: Transport, anyio_backend: Any, record_property: Tell
) -> None:
    strike = cancel_task if anyio_backend[0] == "asyncio" else cancel_scope
    with anyio.fail_after(60):
        await strike_all(
            *(transport, enter_use_and_exit(transport), record_property, [(Point.STEP, strike)]),
            stride=1 if SCALE > 1 else 4,
        )


@pytest.mark.parametrize("anyio_backend", ON_ASYNCIO)
@pytest.mark.parametrize("transport", DOORS_HERE, ids=str)
async def test_an_awaited_connect_and_its_closing_cancelled_at_any_await(
    transport: Transport, record_property: Tell
) -> None:
    clients: list[Client] = []

    @asynccontextmanager
    async def scene(opend: Simulator, quota: Quota) -> AsyncIterator[Operation]:
        async def operation() -> None:
            clients.append(await transport.connect(opend, quota=quota))
            await anyio.lowlevel.checkpoint()
            await clients[-1].aclose()

        yield operation
        while clients:  # a client that came about is its user's to close
            await clients.pop().aclose()

    with anyio.fail_after(60):
        await strike_all(transport, scene, record_property, ways())


@pytest.mark.parametrize("transport", DOORS_HERE, ids=str)
async def test_closing_a_busy_client_cancelled_at_any_await_closes_it_all_the_same(
    transport: Transport, record_property: Tell
) -> None:
    """A sweep and a call in line, a listener; once all that was refused, once in flight."""

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
            if client.status.state == "closed":  # else cancelled before it began
                assert client._supervisor.finished.is_set(), "not a turn later"
            await client.aclose()
            for call in calls[1:]:
                await call.end()
            assert isinstance(await calls[1].error(), ClientClosed)
            report = await calls[0].value()
            assert set(report.values) | set(report.errors) == set(CODES)
            assert report.values == {}

    with anyio.fail_after(60):
        await strike_all(transport, scene, record_property, ways())


@pytest.mark.parametrize("transport", DOORS_HERE, ids=str)
async def test_a_simulator_cancelled_at_any_await_from_its_beginning_to_its_end(
    transport: Transport, record_property: Tell
) -> None:
    room = Baseline()

    @asynccontextmanager
    async def scene() -> AsyncIterator[Operation]:
        async def operation() -> None:
            async with fixed_simulator(transport) as opend:
                await anyio.lowlevel.checkpoint()
                assert not opend.connections

        yield operation

    async def check(run: Run) -> None:
        await room.wait_restored()

    with anyio.fail_after(60):
        for when, strike in ways():
            count = await interrupt_everywhere(scene, when, strike, check)
            record_property(f"{transport} {when.name} {strike.__name__}", count)
        async with (
            fixed_simulator(transport, quota=None) as opend,
            transport.connect(opend, quota=wide_open()) as client,
        ):
            await check_next_calls(client)
    gc.collect()


@pytest.mark.parametrize("away_first", [False, True], ids=["going away", "coming back"])
@pytest.mark.parametrize("transport", DOORS_HERE, ids=str)
async def test_a_simulator_cancelled_as_it_goes_away_or_comes_back_can_be_told_so_again(
    transport: Transport, away_first: bool, record_property: Tell
) -> None:
    with anyio.fail_after(60):
        async with connected(transport) as world:
            opend, client = world.opend, world.client
            room = Baseline(opend)

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
                await room.wait_restored()

            for when, strike in ways():
                count = await interrupt_everywhere(scene, when, strike, check)
                record_property(f"{transport} {when.name} {strike.__name__}", count)
    gc.collect()
