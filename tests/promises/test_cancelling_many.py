"""Promise 2 over several gateways: what test_cancelling_everywhere.py does, to a group.

The same scenes, with two simulators that share one fate, or of which only one is ever away; and
what begins and ends a group, struck at each of its awaits.
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
from ..support.cancelling import (
    Operation,
    Point,
    Run,
    cancel_scope,
    cancel_task,
    interrupt_everywhere,
)
from ..support.environment import Environment
from ..support.gateway_group import gateway_group
from ..support.internals import leftovers_in_group, leftovers_in_quota, pause_grants, resume_grants
from ..support.leaks import Baseline, check_next_calls, tasks_of_this_loop
from ..support.operations import CODE, CODES, SCENES
from ..support.transports import TRANSPORTS, Transport, fixed_simulator
from ..support.waiting import Call, checkpoints, until
from .test_cancelling_everywhere import (
    SCALE,
    STEPPED,
    no_delay,
    only_new_objects_collected,
    ways,
    wide_open,
)

__all__ = ["no_delay", "only_new_objects_collected"]
pytestmark = pytest.mark.anyio
TCP, MEMORY = TRANSPORTS[0], TRANSPORTS[-1]
Tell = Callable[[str, object], None]


class AsOneClient:
    """A group, with the face of one client that scenes look at."""

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
    """Those that share a fate, with the face of one."""

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
    transport: Transport, sharing_fate: int
) -> AsyncIterator[tuple[Environment, ClientGroup]]:
    """A group of two on one quota, of which so many go away together."""
    own = {custom_call.PROTO_ID: custom_call.double}
    opends = [fixed_simulator(transport, quota=None, answers=own) for _ in range(2)]
    quota = wide_open()
    async with (
        gateway_group(*opends, memory=transport is MEMORY, quota=quota) as (clients, _),
        anyio.create_task_group() as group,
    ):
        await until(lambda: all(status.state == "ready" for status in clients.status.values()))
        world: Any = AsOneSimulator(opends[:sharing_fate])
        client: Any = AsOneClient(clients, quota)
        yield Environment(world, client, group), clients
        group.cancel_scope.cancel()


async def until_nothing_is_left(clients: ClientGroup) -> None:
    try:
        with anyio.fail_after(2):
            await until(lambda: not leftovers_in_group(clients))
    except TimeoutError:
        raise AssertionError(f"kept: {leftovers_in_group(clients)}") from None


async def cancel_everywhere(
    name: str,
    transport: Transport,
    sharing_fate: int,
    whens: list[Any],
    tell: Tell,
    stride: int = 1,
) -> None:
    async with connected(transport, sharing_fate) as (world, clients):
        tasks = len(tasks_of_this_loop())

        async def check(calls: int) -> None:
            await until_nothing_is_left(clients)
            await check_next_calls(clients, calls)  # type: ignore[arg-type]
            await until_nothing_is_left(clients)
            # One that was disconnected may take its time: the calls went to the other.
            with anyio.fail_after(2):
                await until(lambda: len(tasks_of_this_loop()) == tasks)

        for when, strike in whens:
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


@pytest.mark.parametrize("sharing_fate", [1, 2], ids=["one of them", "both"])
@pytest.mark.parametrize("name", SCENES)
async def test_a_call_of_a_group_cancelled_at_any_of_its_awaits_leaves_nothing(
    name: str, sharing_fate: int, record_property: Tell
) -> None:
    with anyio.fail_after(60):
        transport = TCP if on_asyncio() else MEMORY
        await cancel_everywhere(name, transport, sharing_fate, ways(), record_property)


@pytest.mark.parametrize("anyio_backend", STEPPED)
@pytest.mark.parametrize("name", SCENES)
async def test_a_call_of_a_group_cancelled_at_any_step_of_the_loop_leaves_nothing(
    name: str, anyio_backend: Any, record_property: Tell
) -> None:
    strike = cancel_task if on_asyncio() else cancel_scope
    stride = 1 if SCALE > 1 else 7
    with anyio.fail_after(60):
        await cancel_everywhere(name, MEMORY, 1, [(Point.STEP, strike)], record_property, stride)


async def strike_all(
    scene: Callable[[Sequence[Simulator], Sequence[Quota]], Any],
    whens: list[Any],
    tell: Tell,
    stride: int = 1,
) -> None:
    """Strike what begins or ends a group; after each nothing is left, and another one works."""
    quotas = [wide_open(), wide_open()]
    async with fixed_simulator(TCP, quota=None) as one, fixed_simulator(TCP, quota=None) as other:
        await checkpoints(3)  # by then they listen
        room = Baseline(one)

        async def check(run: Run | None = None) -> None:
            await room.wait_restored()
            for quota in quotas:
                resume_grants(quota)
                assert quota._users == 0
                assert quota._watchers == []
                assert leftovers_in_quota(quota) == {}
            async with connect_many(both([one, other], quotas)) as clients:
                await check_next_calls(clients, 1)  # type: ignore[arg-type]
            await room.wait_restored()

        for when, strike in whens:
            count = await interrupt_everywhere(
                lambda: scene([one, other], quotas), when, strike, check, stride=stride
            )
            tell(f"{when.name} {strike.__name__}", count)
        await check()
    gc.collect()


def both(opends: Sequence[Simulator], quotas: Sequence[Quota]) -> list[Any]:
    return [
        connect(port=opend.port, quota=quota) for opend, quota in zip(opends, quotas, strict=True)
    ]


@asynccontextmanager
async def its_life(
    opends: Sequence[Simulator], quotas: Sequence[Quota]
) -> AsyncIterator[Operation]:
    async def operation() -> None:
        async with connect_many(both(opends, quotas)) as clients:
            await clients.capital_distribution(CODE)
            await anyio.lowlevel.checkpoint()

    yield operation


async def test_a_group_cancelled_at_any_await_from_its_beginning_to_its_end(
    record_property: Tell,
) -> None:
    with anyio.fail_after(60):
        await strike_all(its_life, ways(), record_property)


@pytest.mark.parametrize("anyio_backend", STEPPED)
async def test_a_group_cancelled_at_any_step_of_the_loop_in_its_life(
    anyio_backend: Any, record_property: Tell
) -> None:
    strike = cancel_task if on_asyncio() else cancel_scope
    with anyio.fail_after(60):
        stride = 1 if SCALE > 1 else 4
        await strike_all(its_life, [(Point.STEP, strike)], record_property, stride)


async def test_closing_a_busy_group_cancelled_at_any_await_closes_it_all_the_same(
    record_property: Tell,
) -> None:
    @asynccontextmanager
    async def scene(
        opends: Sequence[Simulator], quotas: Sequence[Quota]
    ) -> AsyncIterator[Operation]:
        async with (
            anyio.create_task_group() as group,
            connect_many(both(opends, quotas)) as clients,
        ):
            for quota in quotas:
                pause_grants(quota)
            sweep = Call(group, clients.capital_distributions(CODES).collect)
            single = Call(group, clients.capital_distribution, CODE)
            await until(lambda: clients.quota.waiting)
            yield clients.aclose
            states = {status.state for status in clients.status.values()}
            if "closed" in states:  # else cancelled before it began
                assert states == {"closed"}
                assert clients._hub.finished.is_set(), "not a turn later"
            await clients.aclose()
            assert isinstance(await single.error(), ClientClosed)
            report = await sweep.value()
            assert set(report.values) | set(report.errors) == set(CODES)
            assert report.values == {}

    with anyio.fail_after(60):
        await strike_all(scene, ways(), record_property)
