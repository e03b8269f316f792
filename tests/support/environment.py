"""A simulator with a connected client, and a background task that unblocks a waiting call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from anyio.abc import TaskGroup

from aiocapdist import Client
from aiocapdist.simulator import Simulator

from .cancelling import Operation
from .waiting import Call


class Environment:
    """A simulator and a connected client of it."""

    def __init__(self, opend: Simulator, client: Client, group: TaskGroup) -> None:
        self.opend = opend
        self.client = client
        self.group = group
        self.quota = client.quota
        self._unblock: Callable[[], Awaitable[None]] | None = None
        self._unblocking: Call | None = None

    def unblock_with(self, function: Callable[[], Awaitable[None]]) -> None:
        """Set what the operation needs in order to end; it is not started yet."""
        self._unblock, self._unblocking = function, None

    def start_unblocking(self) -> None:
        """Start it in the background, unless it was started."""
        if self._unblock is not None and self._unblocking is None:
            self._unblocking = Call(self.group, self._unblock)

    async def finish_unblocking(self) -> None:
        """Wait for its end; it is started if it was not."""
        self.start_unblocking()
        if self._unblocking is not None:
            await self._unblocking.end()
        self._unblock = self._unblocking = None

    def unblocked(
        self, function: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **options: Any
    ) -> Operation:
        """Return an operation that starts unblocking as it begins, and calls ``function``."""

        async def operation() -> Any:
            self.start_unblocking()
            return await function(*args, **options)

        return operation
