"""Everything a user can await of a client, each brought about in every state it may find.

A scene prepares the state, gives the operation, and afterwards puts things right. What the
operation needs to come to an end by itself, the *help*, begins with it and takes a few turns
of the loop, never a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any, TypeAlias

import anyio.lowlevel

from aiocapdist import Client, ConnectionLost, Outcome
from aiocapdist._pb.keep_alive_pb2 import Response
from aiocapdist._pb.notify_pb2 import S2C, GatewayEvent
from aiocapdist._pb.notify_pb2 import Response as Notice

from . import own_call
from .cancelling import Operation
from .waiting import Call, until
from .worlds import World, hold_back, let_go, turns

CODE = "HK.00700"
CODES = ["US.AAPL", CODE, "no code", "HK.99999", CODE, "SH.600000", "SH.600001", "SZ.000001"]
NOTIFY = 1003
NOTICE = Notice(
    retType=0, s2c=S2C(type=1, event=GatewayEvent(eventType=0, desc="."))
).SerializeToString()


Scene: TypeAlias = Callable[[World], AbstractAsyncContextManager[Operation]]
SCENES: dict[str, Scene] = {}


def scene(function: Callable[[World], AsyncIterator[Operation]]) -> Scene:
    made = asynccontextmanager(function)
    SCENES[function.__name__] = made
    return made


def plain(name: str, make: Callable[[Client], Coroutine[Any, Any, Any]]) -> None:
    """One call, with nothing else going on; and the same four others in its way."""

    async def fresh(world: World) -> AsyncIterator[Operation]:
        yield lambda: make(world.client)

    async def waiting_for_the_quota(world: World) -> AsyncIterator[Operation]:
        hold_back(world.quota)

        async def aid() -> None:
            await turns(3)
            let_go(world.quota)

        world.will_help(aid)
        yield world.with_help(make, world.client)
        await world.helped()

    async def while_reconnecting(world: World) -> AsyncIterator[Operation]:
        await world.opend.go_away()
        await until(lambda: world.client.status.state in ("reconnecting", "closed"))

        async def aid() -> None:
            await turns(3)
            await world.opend.come_back()

        world.will_help(aid)
        yield world.with_help(make, world.client)
        await world.helped()
        await until(lambda: world.client.status.state in ("ready", "closed"))

    async def losing_the_connection(world: World) -> AsyncIterator[Operation]:
        async def aid() -> None:
            await anyio.lowlevel.checkpoint()
            world.opend.disconnect_all()

        world.will_help(aid)
        yield world.with_help(make, world.client)
        await world.helped()
        await until(lambda: world.client.status.state in ("ready", "closed"))

    for state in (fresh, waiting_for_the_quota, while_reconnecting, losing_the_connection):
        SCENES[f"{name}, {state.__name__.replace('_', ' ')}"] = asynccontextmanager(state)


async def capital_distribution(client: Client) -> Any:
    return await client.capital_distribution(CODE)


async def with_max_wait(client: Client) -> Any:
    return await client.capital_distribution(CODE, max_wait=3600.0)


async def sweep(client: Client) -> list[Outcome]:
    return [outcome async for outcome in client.capital_distributions(CODES)]


async def sweep_of_an_iterator(client: Client) -> list[Outcome]:
    return [outcome async for outcome in client.capital_distributions(iter(CODES))]


async def sweep_left_early(client: Client) -> None:
    count = 0
    async for _ in client.capital_distributions(CODES):
        count += 1
        if count == 4:
            break


async def sweep_with_a_body_that_waits(client: Client) -> None:
    # Whoever waits in the loop's body leaves for certain by ``aclosing``.
    async with aclosing(aiter(client.capital_distributions(CODES))) as outcomes:
        async for _ in outcomes:
            await anyio.lowlevel.checkpoint()


async def sweep_closed_early(client: Client) -> None:
    asked = client.capital_distributions(CODES)
    outcomes = aiter(asked)
    await anext(outcomes)
    await anext(outcomes)
    await asked.aclose()
    await outcomes.aclose()


async def collect(client: Client) -> Any:
    return await client.capital_distributions(CODES).collect()


async def global_state(client: Client) -> Any:
    return await client.global_state()


async def request(client: Client) -> Any:
    return await client.request(own_call.PROTO_ID, own_call.question(), Response, idempotent=True)


async def request_once(client: Client) -> Any:
    try:
        return await client.request(own_call.PROTO_ID, own_call.question(), Response)
    except ConnectionLost:
        return None


async def request_of_a_quota(client: Client) -> Any:
    quota = client.quota
    question = own_call.question()
    return await client.request(own_call.PROTO_ID, question, Response, quota=quota, idempotent=True)


for _call in (
    *(capital_distribution, with_max_wait, sweep, sweep_of_an_iterator, sweep_left_early),
    *(sweep_with_a_body_that_waits, sweep_closed_early, collect),
    *(global_state, request, request_once, request_of_a_quota),
):
    plain(_call.__name__.replace("_", " "), _call)


@scene
async def joined(world: World) -> AsyncIterator[Operation]:
    """Someone asks already, and waits in line; whatever becomes of the other, they get theirs."""
    async for operation in _joined(world, None):
        yield operation


@scene
async def joined_with_max_wait(world: World) -> AsyncIterator[Operation]:
    async for operation in _joined(world, 3600.0):
        yield operation


async def _joined(world: World, max_wait: float | None) -> AsyncIterator[Operation]:
    client = world.client
    hold_back(world.quota)
    first = Call(world.group, client.capital_distribution, CODE)
    await until(lambda: world.quota.waiting)

    async def aid() -> None:
        await turns(3)
        let_go(world.quota)

    world.will_help(aid)
    yield world.with_help(client.capital_distribution, CODE, max_wait=max_wait)
    if (asked := client._single_flight.pending.get(CODE)) is not None and asked.flight is None:
        # Who left is forgotten, though the question stays in line.
        assert len(asked.waiters) == 1
        assert not asked.scopes
    await world.helped()
    await first.end()
    if client.status.state != "closed":
        assert (await first.value()).code == CODE


@scene
async def answered_lately(world: World) -> AsyncIterator[Operation]:
    await world.client.capital_distribution(CODE)
    yield lambda: world.client.capital_distribution(CODE, max_age=3600.0)


@scene
async def events(world: World) -> AsyncIterator[Operation]:
    """The connection, a notice, and a loss; then no more."""

    async def listen() -> list[str]:
        stream = world.client.events()
        heard = []
        async for event in stream:
            heard.append(type(event).__name__)
            if heard[-1] == "Disconnected":
                break
        await stream.aclose()
        return heard

    async def aid() -> None:
        await turns(2)
        world.opend.push(NOTIFY, NOTICE)
        await turns(6)
        world.opend.disconnect_all()

    world.will_help(aid)
    yield world.with_help(listen)
    await world.helped()
    await until(lambda: world.client.status.state in ("ready", "closed"))
