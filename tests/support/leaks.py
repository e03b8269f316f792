"""Checks that nothing is left behind: tasks, sockets, connections, tokens, table entries."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import anyio

from aiocapdist import Client, ClientGroup
from aiocapdist._loop import on_asyncio
from aiocapdist.simulator import Simulator

from .internals import leftovers_in_client, leftovers_in_group
from .transports import amounts, expected_amounts
from .waiting import until

FILES = Path("/proc/self/fd")
"""One link for each open file or socket, on Linux."""
NEXT_CODES = [f"HK.{n:05d}" for n in range(1, 101)]
"""Securities of the next hundred calls."""


def open_sockets() -> int:
    """Number of this process's open sockets; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    count = 0
    for file in FILES.iterdir():
        try:
            count += os.readlink(file).startswith("socket:")
        except FileNotFoundError:
            pass  # closed by another thread meanwhile
    return count


def tasks_of_this_loop() -> set[Any]:
    """Return all tasks of the running loop, whoever started them."""
    if on_asyncio():
        return asyncio.all_tasks()
    import trio

    root = trio.lowlevel.current_root_task()
    assert root is not None
    found, unseen = {root}, [root]
    while unseen:
        for nursery in unseen.pop().child_nurseries:
            unseen.extend(nursery.child_tasks)
            found |= nursery.child_tasks
    return found


def task_names() -> Counter[str]:
    """Count the running loop's tasks by name."""
    return Counter(
        task.get_name() if isinstance(task, asyncio.Task) else task.name
        for task in tasks_of_this_loop()
    )


def resident_memory() -> int:
    """This process's resident memory in KiB; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


class Baseline:
    """The loop's tasks, this process's sockets and the simulator's connections, as now."""

    def __init__(self, opend: Simulator | None = None) -> None:
        self._opend = opend
        self._tasks = task_names()
        self._sockets = open_sockets()
        self._connections = opend.connections if opend is not None else 0

    async def wait_restored(self) -> None:
        """Wait until no more is there than then: the other end closes in its own time."""
        try:
            with anyio.fail_after(10):
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


def _leftovers(client: Client | ClientGroup) -> dict[str, Any]:
    if isinstance(client, Client):
        return leftovers_in_client(client)
    return leftovers_in_group(client)


async def wait_no_leftovers(client: Client | ClientGroup) -> None:
    """Wait until the client's tables are empty: late replies may still come."""
    try:
        with anyio.fail_after(10):
            await until(lambda: not _leftovers(client))
    except TimeoutError:
        raise AssertionError(f"left behind: {_leftovers(client)}") from None


async def check_next_calls(client: Client | ClientGroup, count: int = 100) -> None:
    """Make calls at once, and check that each gets its own answer."""
    got: dict[str, Any] = {}

    async def call(code: str) -> None:
        got[code] = amounts(await client.capital_distribution(code))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for code in NEXT_CODES[:count]:
                group.start_soon(call, code)
    assert got == {code: expected_amounts(code) for code in NEXT_CODES[:count]}
