"""A log of a client's events with their times, on virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import trio.testing

from aiocapdist import Client, Connected, Throttled
from aiocapdist.events import Event

EventLog = list[tuple[float, Event]]


def now() -> float:
    """Seconds of the loop's clock, rounded: sums of fractions must compare as equal."""
    return round(trio.current_time(), 6)


async def log_events(client: Client, log: EventLog) -> None:
    """Append each event and its time to ``log``, until the client is closed."""
    async for event in client.events():
        log.append((now(), rounded(event)))


def rounded(event: Event) -> Event:
    """Return the event, with rounded times."""
    if not isinstance(event, Throttled):
        return event
    return throttled(event.eta, event.waiting, rejected=event.rejected)


@asynccontextmanager
async def events_logged(client: Client) -> AsyncIterator[EventLog]:
    """Log what the client tells within the block; the first Connected is left out."""
    log: EventLog = []
    async with anyio.create_task_group() as group:
        group.start_soon(log_events, client, log)
        await trio.testing.wait_all_tasks_blocked()
        assert isinstance(log.pop()[1], Connected)
        yield log
        group.cancel_scope.cancel()


def throttled(eta: float, waiting: int = 1, *, rejected: bool = False) -> Throttled:
    """Return the event to expect, with rounded times."""
    return Throttled(eta=round(eta, 6), waiting=waiting, rejected=rejected)


def codes(n: int, start: int = 1) -> list[str]:
    """Return ``n`` codes."""
    return [f"HK.{i:05d}" for i in range(start, start + n)]
