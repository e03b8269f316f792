"""OpenD in a thread of its own, as it is a program of its own: what is left on a test's loop
after a client, and in the process, is the client's doing."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from aiocapdist._loop import on_asyncio
from aiocapdist.simulator import Simulator

from ..support.waiting import until

FILES = Path("/proc/self/fd")
"""One link for each open file or socket; other systems have no such place."""


class Elsewhere:
    """A simulator and the way to its thread."""

    def __init__(self, opend: Simulator, portal: BlockingPortal) -> None:
        self.opend = opend
        self.port = opend.port
        self._portal = portal

    def disconnect_all(self) -> None:
        """As if OpenD had hung up."""
        self._portal.call(self.opend.disconnect_all)


@contextmanager
def opend_elsewhere(**options: Any) -> Iterator[Elsewhere]:
    """A simulator that runs in another thread."""
    with start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(Simulator(**options)) as opend:
            yield Elsewhere(opend, portal)


@asynccontextmanager
async def nothing_left(elsewhere: Elsewhere) -> AsyncIterator[None]:
    """See that the loop has no task more after the block than before, and the process no
    open socket. Warnings are errors: one about something unclosed fails the test."""
    await until(lambda: not elsewhere.opend.connections)
    tasks, sockets = tasks_of_this_loop(), open_sockets()
    yield
    left = tasks_of_this_loop() - tasks
    assert not left, f"left behind: {left}"
    with anyio.fail_after(5):
        # The other end takes notice in its own time, and its loop closes its own sockets.
        await until(lambda: not elsewhere.opend.connections)
        # Fewer are fine: of an earlier test, one may have been closing still when counted.
        await until(lambda: open_sockets() <= sockets)
    gc.collect()


def open_sockets() -> int:
    if sys.platform != "linux":
        return 0
    count = 0
    for file in FILES.iterdir():
        try:
            count += os.readlink(file).startswith("socket:")
        except FileNotFoundError:
            pass  # closed by the other thread meanwhile
    return count


def tasks_of_this_loop() -> set[Any]:
    """All of them, whoever started them."""
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
