"""Waiting for what a test is about, without a sleep that hopes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from aiocapdist import AiocapdistError


async def until(condition: Callable[[], object]) -> None:
    """Let others run until the condition holds. Put ``fail_after`` around it."""
    while not condition():
        await anyio.lowlevel.checkpoint()


class Call:
    """A call in a task of its own: its end can be waited for, or it can be cancelled."""

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
        """Whether it has an end of any kind."""
        return self._ended.is_set()

    def cancel(self) -> None:
        """As its caller would; the call ends when it next gets its turn."""
        self._scope.cancel()

    async def end(self) -> None:
        """Wait for its end, whatever it is."""
        await self._ended.wait()

    async def value(self) -> Any:
        """What it gave; raises the error that it ended with."""
        await self.end()
        if self._error is not None:
            raise self._error
        assert not self.cancelled
        return self._value

    async def error(self) -> AiocapdistError:
        """The error that it ended with."""
        await self.end()
        assert self._error is not None, f"it gave {self._value!r}"
        return self._error
