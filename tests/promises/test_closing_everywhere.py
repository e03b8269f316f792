"""Promise 16: closing is bounded, and can be repeated.

While something is awaited of a client, three other tasks close it at once: at the k-th await
and at the n-th step of the loop, for every k and n, in each state that the call may find. Then
the call has an end, and no task, socket, token or waiter is left. The same where OpenD reads no
more, through every door. ``AIOCAPDIST_SCALE=2`` leaves nothing out.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import AsyncIterator, Callable
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
from ..support.internals import leftovers_in_client, leftovers_in_quota, resume_grants
from ..support.leaks import Baseline
from ..support.operations import SCENES
from ..support.transports import TRANSPORTS, Transport, fixed_simulator
from ..support.waiting import Call, checkpoints, until
from .test_cancelling_everywhere import (
    MEMORY,
    SCALE,
    STEPPED,
    TCP,
    no_delay,
    only_new_objects_collected,
    wide_open,
)

__all__ = ["no_delay", "only_new_objects_collected"]
pytestmark = pytest.mark.anyio
Tell = Callable[[str, object], None]
CLOSERS = 3
SOME = [name for name in SCENES if name.startswith(("sweep,", "request once,")) or name == "events"]
"""At the doors that differ in their bytes alone."""


class Closing:
    """Clients of one simulator, each closed by several tasks at once when struck."""

    def __init__(self, name: str, transport: Transport, opend: Simulator) -> None:
        self.fire = anyio.Event()
        self._scene = SCENES[name]
        self._door = transport
        self._opend = opend
        self._room = Baseline(opend)

    def strike(self, run: Run) -> None:
        self.fire.set()

    @asynccontextmanager
    async def scene(self) -> AsyncIterator[Operation]:
        self.fire = anyio.Event()
        quota = wide_open()
        async with (
            anyio.create_task_group() as group,
            self._door.connect(self._opend, quota=quota) as client,
        ):
            closers = [Call(group, self._close, client) for _ in range(CLOSERS)]
            listener = Call(group, listen, client)
            async with self._scene(Environment(self._opend, client, group)) as operation:
                yield lambda: tolerant(operation)
            self.fire.set()
            for call in (*closers, listener):
                await call.end()
            await client.aclose()
            resume_grants(quota)
            assert client.status.state == "closed"
            assert leftovers_in_client(client) == {}
            with pytest.raises(ClientClosed):
                await client.global_state()
        assert quota._users == 0
        assert leftovers_in_quota(quota) == {}

    async def _close(self, client: Client) -> None:
        await self.fire.wait()
        await client.aclose()
        # Nothing of it goes on a moment longer, whichever task was first.
        assert client.status.state == "closed"
        assert client._supervisor.finished.is_set()

    async def check(self, run: Run) -> None:
        await self._room.wait_restored()


async def listen(client: Client) -> None:
    """To the end of events, which is the client's."""
    async for _ in client.events():
        pass


async def tolerant(operation: Operation) -> None:
    """Its own end, or that of a call whose client is closed: no other."""
    with suppress(ClientClosed):
        await operation()


async def close_everywhere(
    name: str, transport: Transport, when: Point, tell: Tell, stride: int
) -> None:
    async with fixed_simulator(
        transport, quota=None, answers={custom_call.PROTO_ID: custom_call.double}
    ) as opend:
        await checkpoints(3)  # by then it listens
        closing = Closing(name, transport, opend)
        count = await interrupt_everywhere(
            closing.scene, when, closing.strike, closing.check, stride=stride
        )
        tell(f"{transport} {when.name}", count)
    gc.collect()


@pytest.mark.parametrize("name", SCENES)
async def test_a_client_closed_at_any_await_of_a_call_leaves_nothing(
    name: str, record_property: Tell
) -> None:
    transports = [TCP if on_asyncio() else MEMORY] if SCALE == 1 else [TCP, MEMORY]
    with anyio.fail_after(60):
        for transport in transports:
            await close_everywhere(name, transport, Point.BEGINS, record_property, 1)


@pytest.mark.parametrize("name", SCENES if SCALE > 1 else SOME)
@pytest.mark.parametrize(
    "transport", [transport for transport in TRANSPORTS if transport not in (TCP, MEMORY)], ids=str
)
async def test_a_client_closed_at_any_await_of_a_call_leaves_nothing_at_other_doors(
    name: str, transport: Transport, record_property: Tell
) -> None:
    with anyio.fail_after(60):
        await close_everywhere(name, transport, Point.BEGINS, record_property, 1)


@pytest.mark.parametrize("anyio_backend", STEPPED)
@pytest.mark.parametrize("name", SCENES)
async def test_a_client_closed_at_any_step_of_the_loop_leaves_nothing(
    name: str, anyio_backend: Any, record_property: Tell
) -> None:
    with anyio.fail_after(60):
        await close_everywhere(name, MEMORY, Point.STEP, record_property, 1 if SCALE > 1 else 7)


@pytest.mark.parametrize("transport", TRANSPORTS, ids=str)
async def test_closing_does_not_wait_for_an_opend_that_reads_no_more(
    transport: Transport, record_property: Tell
) -> None:
    """Eighteen megabytes are on their way and the pipe is full: as often as there are turns
    from the first byte's writing to where nothing moves any more."""
    big = BytesValue(value=bytes(60_000))
    with anyio.fail_after(60):
        async with fixed_simulator(transport, quota=None) as opend:
            await checkpoints(3)
            room = Baseline(opend)
            for count in range(0, 24, 1 if SCALE > 1 else 8):
                async with anyio.create_task_group() as group:
                    async with transport.connect(opend) as client:
                        deafen(opend)
                        calls = [
                            Call(group, client.request, custom_call.PROTO_ID, big, BytesValue)
                            for _ in range(300)
                        ]
                        await until(lambda: client.status.calls == 300)
                        await checkpoints(count)
                        with anyio.fail_after(5):
                            async with anyio.create_task_group() as closers:
                                for _ in range(CLOSERS):
                                    closers.start_soon(client.aclose)
                    ends = Counter([await end_of(call) for call in calls])
                    # What the one read before it went deaf brought may have been answered.
                    assert set(ends) <= {ClientClosed, BytesValue}
                    assert ends[ClientClosed] > 290
                    assert leftovers_in_client(client) == {}
                opend.disconnect_all()  # being deaf, it does not hear that we are gone
                await room.wait_restored()
    gc.collect()


async def end_of(call: Call) -> type:
    try:
        return type(await call.value())
    except AiocapdistError as error:
        return type(error)


def deafen(opend: Simulator) -> None:
    """Each conversation reads no more than what it waits for now."""
    for conversation in opend._conversations.values():
        conversation._stream.receive = never  # type: ignore[method-assign]


async def never(*args: Any) -> bytes:
    await anyio.sleep_forever()
    raise AssertionError("unreachable")
