"""Task groups that end even if Ctrl-C strikes, and exceptions in them that end the program."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self, TypeAlias

import anyio
import anyio.abc

from ._loop import on_asyncio

EXITS = (KeyboardInterrupt, SystemExit)
"""Exceptions that end the program. asyncio raises them out of its loop when a task ends so."""
_RAISED_BY_LOOP = "_aiocapdist_raised_by_loop"


async def run_child(function: Callable[[], Awaitable[object]]) -> None:
    """Run a task of a task group; see :func:`exit_in`."""
    try:
        await function()
    except EXITS as error:
        setattr(error, _RAISED_BY_LOOP, on_asyncio())
        raise


def exit_in(error: BaseException) -> BaseException | None:
    """Return the exception in this group that ends the program, or this one.

    None if there is none, or if asyncio has raised it already, since it ended a child task.
    What interrupts the task that holds the group must be raised again, without the group: asyncio
    keeps a group with the task, and the program would go on.
    """
    while isinstance(error, BaseExceptionGroup):
        ends = error.subgroup(EXITS)
        if ends is None:
            return None
        error = ends.exceptions[0]
    ends_it = isinstance(error, EXITS) and not getattr(error, _RAISED_BY_LOOP, False)
    return error if ends_it else None


class ChildTasks:
    """A task group for asyncio that ends even if Ctrl-C strikes in its bookkeeping.

    anyio's and asyncio's own groups count their tasks in a callback of the loop. Interrupted
    there, they wait forever for a task that has ended. This one looks at its tasks whenever it is
    woken, and ``asyncio.run`` cancels, hence wakes, every task at its end.
    """

    def __init__(self) -> None:
        self.cancel_scope: anyio.CancelScope = anyio.CancelScope()
        self._tasks: set[asyncio.Task[None]] = set()
        self._errors: list[BaseException] = []

    async def __aenter__(self) -> Self:
        self.cancel_scope.__enter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        try:
            with ExitStack() as stack:
                stack.push(self.cancel_scope)
                await self._join(exc)
            return exc is not None  # the scope's own cancellation ends with it
        except BaseException as error:
            if error is exc:
                return False
            raise
        finally:
            del exc, traceback, self._errors  # no cycles with what is raised

    def start_soon(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run ``function(*args)`` in a task. If it raises, the group is cancelled."""
        task = asyncio.get_running_loop().create_task(self._run(function, args), name="aiocapdist")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(
        self, function: Callable[..., Awaitable[object]], args: tuple[object, ...]
    ) -> None:
        try:
            await function(*args)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._errors.append(error)
            self.cancel_scope.cancel()
            if isinstance(error, EXITS):
                raise  # out of the loop

    async def _join(self, error: BaseException | None) -> None:
        """Wait for all tasks after the block, which raised ``error``; raise what was raised."""
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self._errors.append(error)
        cancelling = False
        while pending := [task for task in self._tasks if not task.done()]:
            if not cancelling and (error is not None or self.cancel_scope.cancel_called):
                cancelling = True
                for task in pending:
                    task.cancel()
            try:
                with anyio.CancelScope(shield=cancelling):
                    await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError as cancelled:
                error = error or cancelled
        try:
            if self._errors:
                raise BaseExceptionGroup("errors in child tasks", self._errors) from None
            if error is not None:
                raise error
        finally:
            del error


TaskGroup: TypeAlias = anyio.abc.TaskGroup | ChildTasks


def create_task_group() -> TaskGroup:
    """Return a task group for the running loop."""
    return ChildTasks() if on_asyncio() else anyio.create_task_group()
