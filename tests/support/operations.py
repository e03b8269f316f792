"""Everything a user can await of a client, in every state that it may meet.

A scene prepares the state, yields the operation, and cleans up afterwards. What the operation
needs in order to end (tokens, a reconnect) is *unblocked* in the background as it begins, after
a few turns of the loop, never after a time.
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

from .cancelling import Operation
from .custom_call import PROTO_ID, request_message
from .environment import Environment
from .internals import callers, deadlines, is_queued, pause_grants, resume_grants
from .waiting import Call, checkpoints, until

CODE = "HK.00700"
CODES = ["US.AAPL", CODE, "no code", "HK.99999", CODE, "SH.600000", "SH.600001", "SZ.000001"]
WATCHED = ["US.AAPL", CODE, "HK.99999", "SH.600000", "SH.600001", "SZ.000001"]
NOTIFY = 1003
NOTICE = Notice(
    retType=0, s2c=S2C(type=1, event=GatewayEvent(eventType=0, desc="."))
).SerializeToString()


Scene: TypeAlias = Callable[[Environment], AbstractAsyncContextManager[Operation]]
SCENES: dict[str, Scene] = {}
"""All scenes, by name."""


def scene(function: Callable[[Environment], AsyncIterator[Operation]]) -> Scene:
    """Add a scene, named after its function."""
    made = asynccontextmanager(function)
    SCENES[function.__name__] = made
    return made


def add_scenes(name: str, make: Callable[[Client], Coroutine[Any, Any, Any]]) -> None:
    """Add scenes for one call: with nothing in its way, and with each thing that delays it."""

    async def unhindered(env: Environment) -> AsyncIterator[Operation]:
        yield lambda: make(env.client)

    async def waiting_for_the_quota(env: Environment) -> AsyncIterator[Operation]:
        pause_grants(env.quota)

        async def unblock() -> None:
            await checkpoints(3)
            resume_grants(env.quota)

        env.unblock_with(unblock)
        yield env.unblocked(make, env.client)
        await env.finish_unblocking()

    async def while_reconnecting(env: Environment) -> AsyncIterator[Operation]:
        await env.opend.go_away()
        await until(lambda: env.client.status.state in ("reconnecting", "closed"))

        async def unblock() -> None:
            await checkpoints(3)
            await env.opend.come_back()

        env.unblock_with(unblock)
        yield env.unblocked(make, env.client)
        await env.finish_unblocking()
        await until(lambda: env.client.status.state in ("ready", "closed"))

    async def losing_the_connection(env: Environment) -> AsyncIterator[Operation]:
        async def unblock() -> None:
            await anyio.lowlevel.checkpoint()
            env.opend.disconnect_all()

        env.unblock_with(unblock)
        yield env.unblocked(make, env.client)
        await env.finish_unblocking()
        await until(lambda: env.client.status.state in ("ready", "closed"))

    for state in (unhindered, waiting_for_the_quota, while_reconnecting, losing_the_connection):
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
    # If the loop's body waits, only ``aclosing`` makes sure that the sweep is closed.
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


async def capital_flow(client: Client) -> Any:
    return await client.capital_flow(CODE)


async def watch_left_early(client: Client) -> None:
    count = 0
    async for _ in client.watch(WATCHED):
        count += 1
        if count == 4:
            break


async def watch_closed_early(client: Client) -> None:
    watch = client.watch(WATCHED[:2])
    changes = aiter(watch)
    await anext(changes)
    watch.add(WATCHED)
    await anext(changes)
    watch.discard(WATCHED[:2])
    await watch.aclose()


async def global_state(client: Client) -> Any:
    return await client.global_state()


async def request(client: Client) -> Any:
    return await client.request(PROTO_ID, request_message(), Response, idempotent=True)


async def request_once(client: Client) -> Any:
    try:
        return await client.request(PROTO_ID, request_message(), Response)
    except ConnectionLost:
        return None


async def request_with_a_quota(client: Client) -> Any:
    quota = client.quota
    message = request_message()
    return await client.request(PROTO_ID, message, Response, quota=quota, idempotent=True)


for _call in (
    capital_distribution,
    with_max_wait,
    sweep,
    sweep_of_an_iterator,
    sweep_left_early,
    sweep_with_a_body_that_waits,
    sweep_closed_early,
    collect,
    capital_flow,
    watch_left_early,
    watch_closed_early,
    global_state,
    request,
    request_once,
    request_with_a_quota,
):
    add_scenes(_call.__name__.replace("_", " "), _call)


@scene
async def joined(env: Environment) -> AsyncIterator[Operation]:
    """Join another caller's request that is queued; the other caller gets its answer anyway."""
    async for operation in _joined(env, None):
        yield operation


@scene
async def joined_with_max_wait(env: Environment) -> AsyncIterator[Operation]:
    """The same, with a deadline for the queue."""
    async for operation in _joined(env, 3600.0):
        yield operation


async def _joined(env: Environment, max_wait: float | None) -> AsyncIterator[Operation]:
    client = env.client
    pause_grants(env.quota)
    first = Call(env.group, client.capital_distribution, CODE)
    await until(lambda: env.quota.waiting)

    async def unblock() -> None:
        await checkpoints(3)
        resume_grants(env.quota)

    env.unblock_with(unblock)
    yield env.unblocked(client.capital_distribution, CODE, max_wait=max_wait)
    if is_queued(client, CODE):
        # The caller that left is forgotten, while the request stays in the queue.
        assert callers(client, CODE) == 1
        assert deadlines(client, CODE) == 0
    await env.finish_unblocking()
    await first.end()
    if client.status.state != "closed":
        assert (await first.value()).code == CODE


@scene
async def answered_from_memory(env: Environment) -> AsyncIterator[Operation]:
    """Get an answer that is stored already."""
    await env.client.capital_distribution(CODE)
    yield lambda: env.client.capital_distribution(CODE, max_age=3600.0)


@scene
async def events(env: Environment) -> AsyncIterator[Operation]:
    """Read events: the connection, a notice, and a loss; then close the stream."""

    async def listen() -> list[str]:
        stream = env.client.events()
        heard = []
        async for event in stream:
            heard.append(type(event).__name__)
            if heard[-1] == "Disconnected":
                break
        await stream.aclose()
        return heard

    async def unblock() -> None:
        await checkpoints(2)
        env.opend.push(NOTIFY, NOTICE)
        await checkpoints(6)
        env.opend.disconnect_all()

    env.unblock_with(unblock)
    yield env.unblocked(listen)
    await env.finish_unblocking()
    await until(lambda: env.client.status.state in ("ready", "closed"))
