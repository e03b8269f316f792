"""OpenD in a thread of its own, as it is a process of its own in practice.

What is left on a test's loop and in the process after a client was closed is the client's.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from aiocapdist.simulator import Simulator

from ..support.leaks import open_sockets, tasks_of_this_loop
from ..support.waiting import until


class OpendThread:
    """A simulator that runs in another thread."""

    def __init__(self, opend: Simulator, portal: BlockingPortal) -> None:
        self.opend = opend
        self.port = opend.port
        self._portal = portal

    def disconnect_all(self) -> None:
        """Close all connections, as if OpenD had hung up."""
        self._portal.call(self.opend.disconnect_all)


@contextmanager
def opend_in_thread(**options: Any) -> Iterator[OpendThread]:
    """Run a simulator in a thread of its own."""
    with start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(Simulator(**options)) as opend:
            yield OpendThread(opend, portal)


@asynccontextmanager
async def no_leaks(opend_thread: OpendThread) -> AsyncIterator[None]:
    """Check that the block leaves no task on the loop and no open socket in the process.

    Warnings are errors in tests, so that one about something unclosed fails the test as well.
    """
    await until(lambda: not opend_thread.opend.connections)
    tasks, sockets = tasks_of_this_loop(), open_sockets()
    yield
    left = tasks_of_this_loop() - tasks
    assert not left, f"left behind: {left}"
    with anyio.fail_after(5):
        # The other end notices in its own time, and its loop closes its own sockets.
        await until(lambda: not opend_thread.opend.connections)
        # Fewer are fine: an earlier test's may still have been open when they were counted.
        await until(lambda: open_sockets() <= sockets)
    gc.collect()
