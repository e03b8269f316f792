"""Waiting for a condition or for a call's end, without a sleep that hopes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import trio
import trio.testing
from anyio.abc import TaskGroup

from aiocapdist import AiocapdistError
from aiocapdist._loop import on_asyncio

from .virtual_asyncio import VirtualLoop

READY = 100  # turns of the loop: enough for what is ready, and for what loopback sockets carry
POLL = 0.001  # seconds between two looks after that


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds. Put ``fail_after`` around it.

    Looks at it in each turn of the loop while things that are ready run, then once a
    millisecond, so that other threads and processes get the processor. Virtual time stands
    still meanwhile: raises AssertionError if the condition does not hold once all tasks wait.
    """
    for _ in range(READY):
        if condition():
            return
        await anyio.lowlevel.checkpoint()
    if await _blocked_on_virtual_time():
        assert condition(), "all tasks wait, and it cannot become true without time passing"
        return
    while not condition():  # noqa: ASYNC110 - another thread or process may make it true
        await anyio.sleep(POLL)


async def _blocked_on_virtual_time() -> bool:
    """Wait until all other tasks wait. False at once if the loop's time is real."""
    if not on_asyncio():
        if not isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock):
            return False
        await trio.testing.wait_all_tasks_blocked()
        return True
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        return False
    await loop.all_blocked()
    return True


async def checkpoints(count: int) -> None:
    """Let other tasks run this many times."""
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


class Call:
    """A call in a task of its own, to wait for or to cancel."""

    def __init__(
        self, group: TaskGroup, function: Callable[..., Awaitable[Any]], *args: Any, **options: Any
    ) -> None:
        self.cancelled = False
        self._value: Any = None
        self._error: AiocapdistError | None = None
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        group.start_soon(self._run, function, args, options)

    async def _run(
        self, function: Callable[..., Awaitable[Any]], args: Any, options: dict[str, Any]
    ) -> None:
        try:
            with self._scope:
                self._value = await function(*args, **options)
            self.cancelled = self._scope.cancelled_caught
        except AiocapdistError as error:
            self._error = error
        finally:
            self._ended.set()

    @property
    def ended(self) -> bool:
        """True if the call has returned, raised or been cancelled."""
        return self._ended.is_set()

    def cancel(self) -> None:
        """Cancel the call as its caller would; it ends when its task next runs."""
        self._scope.cancel()

    async def end(self) -> None:
        """Wait for the call's end, whatever it is."""
        await self._ended.wait()

    async def value(self) -> Any:
        """Return what the call returned; raise the error that it raised."""
        await self.end()
        if self._error is not None:
            raise self._error
        assert not self.cancelled
        return self._value

    async def error(self) -> AiocapdistError:
        """Return the error that the call raised."""
        await self.end()
        assert self._error is not None, f"it returned {self._value!r}"
        return self._error
