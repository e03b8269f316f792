"""What ``connect()`` returns: a context manager that can also be awaited."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
from anyio.abc import TaskGroup

from .._connection.hub import Hub
from .._loop import on_asyncio
from .._task_group import exit_in, run_child
from . import guesses

ClientT = TypeVar("ClientT")


class Lifecycle(ABC, Generic[ClientT]):
    """A client, or a group of them, not yet connected: enter it, or await it. Once.

    ``maker`` is the name of the function that users call for one.
    """

    def __init__(self, maker: str) -> None:
        self._maker = maker
        self._used = False
        self._client: ClientT | None = None
        self._hub: Hub | None = None
        self._group: TaskGroup | None = None

    @abstractmethod
    async def _make(self) -> tuple[ClientT, Hub]:
        """Make the client, not yet connected, and the hub that will connect it.

        If it raises, it has released what it made.
        """

    @abstractmethod
    def unused(self) -> Lifecycle[ClientT]:
        """Return a new one with the same arguments, to connect again."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise guesses.not_connected(self, name, self._maker)

        def __enter__(self) -> Any:
            raise TypeError(
                f"{self._maker}() needs `async with`; without asyncio: "
                f"`with aiocapdist.sync.{self._maker}(…) as client:`"
            )

        __exit__ = None

    def __await__(self) -> Generator[Any, Any, ClientT]:
        return self._connect_awaited().__await__()

    async def _connect_awaited(self) -> ClientT:
        if not on_asyncio():
            raise RuntimeError(
                f"await {self._maker}() needs asyncio, where a task can live on its own; "
                f"on trio use: async with aiocapdist.{self._maker}() as client"
            )
        self.use()
        client = await self._connect()
        assert self._hub is not None
        self._hub.warn_if_dropped()
        # The caller alone keeps the client, so that it is noticed when it is dropped.
        self._client = self._hub = None
        return client

    async def __aenter__(self) -> ClientT:
        self.use()
        if on_asyncio():
            return await self._connect()
        _protect_on_trio()
        group = anyio.create_task_group()
        await group.__aenter__()
        self._group = group
        try:
            return await self._connect()
        except BaseException:
            await self._leave_group()
            raise

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._hub is not None
        try:
            await self._hub.aclose()
        finally:
            await self._leave_group()

    def use(self) -> None:
        """Mark as used; raise RuntimeError if it was used before."""
        if self._used:
            raise RuntimeError(f"this {self._maker}() was used before; call it again")
        self._used = True

    def __repr__(self) -> str:
        state = "used before" if self._used else "not connected yet: use `async with`, or await it"
        return f"<{self._maker}(), {state}>"

    async def _connect(self) -> ClientT:
        client, hub = self._client, self._hub = await self._make()
        try:
            self._start(hub)
            await hub.start()
        except BaseExceptionGroup as group:
            await hub.aclose()
            raise exit_in(group) or group from None
        except BaseException:
            await hub.aclose()
            raise
        return client

    def _start(self, hub: Hub) -> None:
        """Start the client's task. On asyncio it is nobody's child: a user's exception leaves
        `async with` as it is, and no failure of the task comes in a group."""
        if self._group is not None:
            self._group.start_soon(hub.run)
            hub.task = self._group
        else:
            hub.task = task = asyncio.get_running_loop().create_task(hub.run(), name="aiocapdist")
            # A task that is cancelled before its first step runs nothing, not even a `finally`.
            task.add_done_callback(lambda _: hub.finish())

    async def _leave_group(self) -> None:
        """On trio: leave the nursery. Given no exception, it wraps none."""
        if self._group is None:
            return
        self._group.cancel_scope.cancel()
        try:
            await self._group.__aexit__(None, None, None)
        except BaseExceptionGroup as group:
            raise exit_in(group) or group from None


def _protect_on_trio() -> None:
    """Let KeyboardInterrupt wait until the user's code runs: trio depends on how a nursery is left,
    and a client's tasks would be ended in the middle of closing."""
    import trio

    for function in (Lifecycle.__aenter__, Lifecycle.__aexit__, Hub.run, run_child):
        trio.lowlevel.enable_ki_protection(function)
