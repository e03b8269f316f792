"""A pipe that fills up: how to have requests that were written and others that were not."""

from __future__ import annotations

from typing import Any

from anyio.abc import TaskGroup

from aiocapdist import Client
from aiocapdist._transports.memory import MemoryListener

from .misbehaving import Peer, Server, code_of, figures
from .waiting import Call, until


def flight_of(client: Client, code: str) -> Any:
    request = client._single_flight.pending.get(code)
    return request and request.flight


def written(client: Client, code: str) -> bool:
    flight = flight_of(client, code)
    return bool(flight) and flight.written


def choked() -> Server:
    """A server behind a pipe that holds one write: with the reader asleep, a second write
    waits, and what is asked after it has certainly not left."""
    return Server(MemoryListener(buffer=1))


async def choke(client: Client, group: TaskGroup, *codes: str) -> list[Call]:
    """Ask about these: the first two are written, the others wait for the writer."""
    calls = []
    for n, code in enumerate(codes):
        calls.append(Call(group, client.capital_distribution, code))
        if n < 2:
            await until(lambda code=code: written(client, code))
        else:
            await until(lambda code=code: flight_of(client, code))
            assert not written(client, code)
    return calls


async def codes_of(peer: Peer, n: int) -> list[str]:
    """The next ``n`` requests' codes, in the order they came; each is answered."""
    frames = [await peer.next() for _ in range(n)]
    for frame in frames:
        await peer.reply(frame, figures())
    return [code_of(frame) for frame in frames]
