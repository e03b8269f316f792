"""A simulator with a client of it, and the hand that keeps back what a call waits for."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio.lowlevel
from anyio.abc import TaskGroup

from aiocapdist import Client, Quota
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.simulator import Simulator

from .cancelling import Operation
from .waiting import Call


async def turns(count: int) -> None:
    """Let others run so often."""
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


class World:
    """A simulator and a client of it that is connected."""

    def __init__(self, opend: Simulator, client: Client, group: TaskGroup) -> None:
        self.opend = opend
        self.client = client
        self.group = group
        self.quota = client.quota
        self._help: Callable[[], Awaitable[None]] | None = None
        self._helping: Call | None = None

    def will_help(self, aid: Callable[[], Awaitable[None]]) -> None:
        self._help, self._helping = aid, None

    def helps(self) -> None:
        """Begin with it, unless that is done."""
        if self._help is not None and self._helping is None:
            self._helping = Call(self.group, self._help)

    async def helped(self) -> None:
        """It has helped, in any case."""
        self.helps()
        if self._helping is not None:
            await self._helping.end()
        self._help = self._helping = None

    def with_help(
        self, function: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **options: Any
    ) -> Operation:
        async def operation() -> Any:
            self.helps()
            return await function(*args, **options)

        return operation


def hold_back(quota: Quota) -> None:
    """Grant no token until :func:`let_go`, however many there are."""
    scheduler_of(quota).ceiling.paused_until = math.inf


def let_go(quota: Quota) -> None:
    scheduler_of(quota).ceiling.paused_until = -math.inf
    scheduler_of(quota).pump()
