"""Promise 2 with several gateways: what test_cancelling_everywhere.py does, to a group.

The same scenes, with two simulators that fail together, or of which only one ever fails; and
what begins and ends a group, interrupted at each of its awaits.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from aiocapdist import ClientClosed, ClientGroup, Quota, connect, connect_many
from aiocapdist._loop import on_asyncio
from aiocapdist.simulator import Simulator

from ..support import custom_call
from ..support.cancelling import Interrupt, Operation, Point, Run, interrupt_everywhere
from ..support.environment import Environment
from ..support.gateway_group import gateway_group
from ..support.internals import (
    is_finished,
    leftovers_in_quota,
    listeners,
    pause_grants,
    resume_grants,
    users,
)
from ..support.leaks import Baseline, check_next_calls, tasks_of_this_loop, wait_no_leftovers
from ..support.loops import STEPPED_LOOPS
from ..support.operations import CODE, CODES, SCENES
from ..support.transports import Transport, fixed_simulator
from ..support.waiting import Call, checkpoints, until
from .interrupting import (
    MEMORY,
    SCALE,
    TCP,
    Record,
    cancellations,
    step_cancellation,
    wide_quota,
)

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.usefixtures("no_reconnect_delay"),
]


def involves_a_loss(name: str) -> bool:
    """Whether a gateway fails in this scene: else it does not matter how many would."""
    return name.endswith(("while reconnecting", "losing the connection")) or name == "events"


class AsOneClient:
    """A group with the attributes of a client that scenes use."""

    def __init__(self, group: ClientGroup, quota: Quota) -> None:
        self.group = group
        self.quota = quota

    def __getattr__(self, name: str) -> Any:
        return getattr(self.group, name)

    @property
    def status(self) -> Any:
        states = {status.state for status in self.group.status.values()}
        return SimpleNamespace(state=states.pop() if len(states) == 1 else "reconnecting")


class AsOneSimulator:
    """Several simulators that fail together, with the methods of one."""

    def __init__(self, opends: Sequence[Simulator]) -> None:
        self._opends = opends

    async def go_away(self) -> None:
        for opend in self._opends:
            await opend.go_away()

    async def come_back(self) -> None:
        for opend in self._opends:
            await opend.come_back()

    def disconnect_all(self) -> None:
        for opend in self._opends:
            opend.disconnect_all()

    def push(self, proto_id: int, body: bytes) -> None:
        for opend in self._opends:
            opend.push(proto_id, body)


@asynccontextmanager
async def connected(
    transport: Transport, failing: int
) -> AsyncIterator[tuple[Environment, ClientGroup]]:
    """Connect a group of two gateways with one quota, of which the first ``failing`` fail."""
    answers = {custom_call.PROTO_ID: custom_call.double}
    opends = [fixed_simulator(transport, quota=None, answers=answers) for _ in range(2)]
    quota = wide_quota()
    async with (
        gateway_group(*opends, memory=transport is MEMORY, quota=quota) as (clients, _),
        anyio.create_task_group() as group,
    ):
        await until(lambda: all(status.state == "ready" for status in clients.status.values()))
        await clients.capital_flow("HK.00700")  # from now on the quotas of flows have their tasks
        opend: Any = AsOneSimulator(opends[:failing])
        client: Any = AsOneClient(clients, quota)
        yield Environment(opend, client, group), clients
        group.cancel_scope.cancel()


async def cancel_everywhere(
    name: str,
    transport: Transport,
    failing: int,
    kinds: list[tuple[Point, Interrupt]],
    record: Record,
    stride: int = 1,
) -> None:
    async with connected(transport, failing) as (env, clients):
        tasks = len(tasks_of_this_loop())

        async def check(calls: int) -> None:
            await wait_no_leftovers(clients)
            await check_next_calls(clients, calls)
            await wait_no_leftovers(clients)
            # A gateway that was disconnected may take its time: the calls went to the other.
            with anyio.fail_after(10):
                await until(lambda: len(tasks_of_this_loop()) == tasks)

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


@pytest.mark.parametrize(
    ("name", "failing"),
    [*((name, 1) for name in SCENES), *((name, 2) for name in SCENES if involves_a_loss(name))],
)
async def test_a_call_of_a_group_cancelled_at_any_of_its_awaits_leaves_nothing(
    name: str, failing: int, record_property: Record
) -> None:
    with anyio.fail_after(60):
        transport = TCP if on_asyncio() else MEMORY
        kinds = cancellations()[: None if failing == 1 else 1]
        await cancel_everywhere(name, transport, failing, kinds, record_property)


@pytest.mark.parametrize("anyio_backend", STEPPED_LOOPS)
@pytest.mark.parametrize("name", SCENES)
async def test_a_call_of_a_group_cancelled_at_any_step_of_the_loop_leaves_nothing(
    name: str, anyio_backend: Any, record_property: Record
) -> None:
    stride = 1 if SCALE > 1 else 11
    with anyio.fail_after(60):
        await cancel_everywhere(name, MEMORY, 1, [step_cancellation()], record_property, stride)


async def interrupt_lifetimes(
    scene: Callable[[Sequence[Simulator], Sequence[Quota]], Any],
    kinds: list[tuple[Point, Interrupt]],
    record: Record,
    stride: int = 1,
) -> None:
    """Interrupt what begins or ends a group; each time nothing is left and a new one works."""
    quotas = [wide_quota(), wide_quota()]
    async with fixed_simulator(TCP, quota=None) as one, fixed_simulator(TCP, quota=None) as other:
        await checkpoints(3)  # until they listen
        baseline = Baseline(one)

        async def check(run: Run | None = None) -> None:
            await baseline.wait_restored()
            for quota in quotas:
                resume_grants(quota)
                assert users(quota) == 0
                assert listeners(quota) == []
                assert leftovers_in_quota(quota) == {}
            async with connect_many(connects([one, other], quotas)) as clients:
                await check_next_calls(clients, 1)
            await baseline.wait_restored()

        for point, interrupt in kinds:
            count = await interrupt_everywhere(
                lambda: scene([one, other], quotas), point, interrupt, check, stride=stride
            )
            record(f"{point.name} {interrupt.__name__}", count)
        await check()
    gc.collect()


def connects(opends: Sequence[Simulator], quotas: Sequence[Quota]) -> list[Any]:
    return [
        connect(port=opend.port, quota=quota) for opend, quota in zip(opends, quotas, strict=True)
    ]


@asynccontextmanager
async def one_call(
    opends: Sequence[Simulator], quotas: Sequence[Quota]
) -> AsyncIterator[Operation]:
    async def operation() -> None:
        async with connect_many(connects(opends, quotas)) as clients:
            await clients.capital_distribution(CODE)
            await anyio.lowlevel.checkpoint()

    yield operation


async def test_a_group_cancelled_at_any_await_of_its_life_leaves_nothing(
    record_property: Record,
) -> None:
    with anyio.fail_after(60):
        await interrupt_lifetimes(one_call, cancellations(), record_property)


@pytest.mark.parametrize("anyio_backend", STEPPED_LOOPS)
async def test_a_group_cancelled_at_any_step_of_the_loop_leaves_nothing(
    anyio_backend: Any, record_property: Record
) -> None:
    with anyio.fail_after(60):
        stride = 1 if SCALE > 1 else 4
        await interrupt_lifetimes(one_call, [step_cancellation()], record_property, stride)


async def test_a_busy_group_is_closed_even_if_closing_is_cancelled_at_any_await(
    record_property: Record,
) -> None:
    @asynccontextmanager
    async def scene(
        opends: Sequence[Simulator], quotas: Sequence[Quota]
    ) -> AsyncIterator[Operation]:
        async with (
            anyio.create_task_group() as group,
            connect_many(connects(opends, quotas)) as clients,
        ):
            for quota in quotas:
                pause_grants(quota)
            sweep = Call(group, clients.capital_distributions(CODES).collect)
            single = Call(group, clients.capital_distribution, CODE)
            await until(lambda: clients.quota.waiting)
            yield clients.aclose
            states = {status.state for status in clients.status.values()}
            if "closed" in states:  # else it was cancelled before it began
                assert states == {"closed"}
                assert is_finished(clients), "aclose() returned before the tasks had ended"
            await clients.aclose()
            assert isinstance(await single.error(), ClientClosed)
            result = await sweep.value()
            assert set(result.values) | set(result.errors) == set(CODES)
            assert result.values == {}

    with anyio.fail_after(60):
        await interrupt_lifetimes(scene, cancellations(), record_property)
