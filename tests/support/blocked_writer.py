"""A full pipe: how to have some requests written and others still queued for writing."""

from __future__ import annotations

from functools import partial

from anyio.abc import TaskGroup

from aiocapdist import Client
from aiocapdist._transports.memory import MemoryListener

from .internals import flight_of, is_written
from .scripted_server import Peer, ScriptedServer, code_of, figures_reply
from .waiting import Call, until


def blocked_server() -> ScriptedServer:
    """Return a server behind a pipe that holds one write.

    While it does not read, a second write waits, and what is asked after it was not sent.
    """
    return ScriptedServer(MemoryListener(buffer=1))


async def call_with_blocked_writer(client: Client, group: TaskGroup, *codes: str) -> list[Call]:
    """Ask about these codes: the first two are written, the others wait for the writer."""
    calls = []
    for n, code in enumerate(codes):
        calls.append(Call(group, client.capital_distribution, code))
        if n < 2:
            await until(partial(is_written, client, code))
        else:
            await until(partial(flight_of, client, code))
            assert not is_written(client, code)
    return calls


async def reply_to(peer: Peer, count: int) -> list[str]:
    """Answer the next ``count`` requests, and return their codes in the order they came."""
    frames = [await peer.next() for _ in range(count)]
    for frame in frames:
        await peer.reply(frame, figures_reply())
    return [code_of(frame) for frame in frames]
