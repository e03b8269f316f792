"""What a client keeps: its tables, its tokens, and its answers to the next hundred calls."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import anyio

from aiocapdist import Client, Quota
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.quota._core.scheduler import Scheduler
from aiocapdist.simulator import Simulator

from ..embedding.elsewhere import open_sockets, tasks_of_this_loop
from .doors import amounts, made
from .waiting import until

NEXT = [f"HK.{n:05d}" for n in range(1, 101)]
"""Securities of the next hundred calls."""


class Room:
    """A loop's tasks, this process's sockets and who is connected, as they were at first."""

    def __init__(self, opend: Simulator | None = None) -> None:
        self._opend = opend
        self._tasks = task_names()
        self._sockets = open_sockets()
        self._connections = opend.connections if opend is not None else 0

    async def until_as_before(self) -> None:
        """The other end takes notice in its own time; then nothing more is there than was."""
        try:
            with anyio.fail_after(5):
                await until(lambda: not self._more())
        except TimeoutError:
            raise AssertionError(f"left behind: {self._more()}") from None

    def _more(self) -> list[str]:
        more = [*(task_names() - self._tasks).elements()]
        if (sockets := open_sockets() - self._sockets) != 0:
            more.append(f"{sockets} sockets")
        if self._opend is not None and self._opend.connections != self._connections:
            more.append(f"{self._opend.connections - self._connections} connections")
        return more


def task_names() -> Counter[str]:
    return Counter(
        task.get_name() if isinstance(task, asyncio.Task) else task.name
        for task in tasks_of_this_loop()
    )


def left_in_quota(quota: Quota) -> dict[str, Any]:
    """Entries of those who wait for tokens, and tokens held: none, when nobody calls."""
    scheduler = quota if isinstance(quota, Scheduler) else scheduler_of(quota)
    ledger, line = scheduler.store, scheduler.queue
    assert quota.available >= 0  # reading it settles what was seen
    assert ledger.free + ledger.held + ledger.cooling == quota.limit
    tables = {
        "lanes in the quota's line": line.places,
        "turns in the quota's line": [*line._eager, *line._patient],
        "tokens held": range(ledger.held),
    }
    return {name: table for name, table in tables.items() if len(table)}


def left_in(client: Client) -> dict[str, Any]:
    """Entries of the client's tables, by table: none of any, when nobody calls."""
    supervisor = client._supervisor
    lanes = {*client._lanes.values(), client._free}
    tables: dict[str, Any] = {
        "questions at the desk": client._desk.asked,
        "requests in lanes": [request for lane in lanes for request in lane._waiting],
        "lanes": supervisor._lanes - lanes,
        "listeners": supervisor.feed._awaited,
    }
    if supervisor.connection is not None:
        session = supervisor.connection._session
        tables["in flight"] = [f for f in session.waiting.values() if f.ref is not None]
        tables["forgotten"] = session._forgotten
        tables["to be written"] = session._outgoing
    left = {name: table for name, table in tables.items() if len(table)}
    for quota in (client.quota, supervisor.unmetered):
        left |= left_in_quota(quota) if isinstance(quota, Quota) else left_in_line(quota)
    return left


def left_in_line(unmetered: Any) -> dict[str, Any]:
    lanes = unmetered._places
    return {"lanes with no quota": lanes} if lanes else {}


async def until_nothing_is_left(client: Client) -> None:
    """Late replies may still come; after them nothing is kept."""
    try:
        with anyio.fail_after(2):
            await until(lambda: not left_in(client))
    except TimeoutError:
        raise AssertionError(f"kept: {left_in(client)}") from None


async def answers_the_next(client: Client, count: int = 100) -> None:
    """Calls at once, each with its own answer."""
    got: dict[str, Any] = {}

    async def call(code: str) -> None:
        got[code] = amounts(await client.capital_distribution(code))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for code in NEXT[:count]:
                group.start_soon(call, code)
    assert got == {code: made(code) for code in NEXT[:count]}


def rss() -> int:
    """KiB of memory that this process has; 0 where the system does not tell so."""
    if sys.platform != "linux":
        return 0
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])
