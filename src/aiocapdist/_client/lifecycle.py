"""What is both a context manager and something to await, with a task behind it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

import anyio
from anyio.abc import TaskGroup

from .._loop import on_asyncio


class Background(Protocol):
    """What keeps a client connected."""

    task: object

    async def run(self) -> None:
        """All of it; ends when closed. Raises nothing of ours."""

    def finish(self) -> None:
        """Let go of everything, where :meth:`run` could not."""

    async def start(self) -> None:
        """Wait until the client can be used; raise where it cannot."""

    async def aclose(self) -> None:
        """End it, and with it every call. Repeatable."""


ClientT = TypeVar("ClientT")


class Lifecycle(ABC, Generic[ClientT]):
    """A client, or a group of them, about to be: enter it, or await it. Once.

    ``maker`` is the function that users call for one.
    """

    def __init__(self, maker: str) -> None:
        self._maker = maker
        self._used = False
        self._client: ClientT | None = None
        self._background: Background | None = None
        self._group: TaskGroup | None = None

    @abstractmethod
    async def _make(self) -> tuple[ClientT, Background]:
        """The client, not yet connected, and what will connect it."""

    def __await__(self) -> Generator[Any, Any, ClientT]:
        return self._connect_alone().__await__()

    async def __aenter__(self) -> ClientT:
        if on_asyncio():
            return await self._connect_alone()
        self.use()
        group = anyio.create_task_group()
        await group.__aenter__()
        self._group = group
        try:
            return await self._connect(lambda background: group.start_soon(background.run))
        except BaseException:
            await self._leave_group()
            raise

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._background is not None
        try:
            await self._background.aclose()
        finally:
            await self._leave_group()

    async def _connect_alone(self) -> ClientT:
        if not on_asyncio():
            raise RuntimeError(
                f"await {self._maker}() needs asyncio, where a task can live on its own; "
                f"on trio use: async with aiocapdist.{self._maker}() as client"
            )
        self.use()
        return await self._connect(_start_task)

    def use(self) -> None:
        """It is used, now; raises RuntimeError where it was before."""
        if self._used:
            raise RuntimeError(f"this {self._maker}() was used before; call it again")
        self._used = True

    async def _connect(self, start: Callable[[Background], object]) -> ClientT:
        self._client, self._background = await self._make()
        # It lives outside the caller's scope, so that a user's exception leaves `async with`
        # bare, and no background failure comes in a group.
        self._background.task = start(self._background)
        try:
            await self._background.start()
        except BaseException:
            await self._background.aclose()
            raise
        return self._client

    async def _leave_group(self) -> None:
        """On trio: leave the nursery. Told of no exception, it wraps none."""
        if self._group is not None:
            self._group.cancel_scope.cancel()
            await self._group.__aexit__(None, None, None)


def _start_task(background: Background) -> asyncio.Task[None]:
    task = asyncio.get_running_loop().create_task(background.run(), name="aiocapdist")
    # A task that is cancelled before its first step runs nothing, not even a `finally`.
    task.add_done_callback(lambda _: background.finish())
    return task
