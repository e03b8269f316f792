"""Writing down what a client tells, and when, on virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import trio.testing

from aiocapdist import Client, Connected, Throttled
from aiocapdist.events import Event

Told = list[tuple[float, Event]]


def now() -> float:
    """Rounded, so that times compare although sums of fractions do not."""
    return round(trio.current_time(), 6)


async def note(client: Client, told: Told) -> None:
    async for event in client.events():
        told.append((now(), rounded(event)))


def rounded(event: Event) -> Event:
    if not isinstance(event, Throttled):
        return event
    return throttled(event.eta, event.waiting, refused=event.rejected)


@asynccontextmanager
async def noting(client: Client) -> AsyncIterator[Told]:
    """All that the client tells meanwhile, and when; being connected left out."""
    told: Told = []
    async with anyio.create_task_group() as group:
        group.start_soon(note, client, told)
        await trio.testing.wait_all_tasks_blocked()
        assert isinstance(told.pop()[1], Connected)
        yield told
        group.cancel_scope.cancel()


def throttled(eta: float, waiting: int = 1, *, refused: bool = False) -> Throttled:
    return Throttled(eta=round(eta, 6), waiting=waiting, rejected=refused)


def codes(n: int, start: int = 1) -> list[str]:
    return [f"HK.{i:05d}" for i in range(start, start + n)]
