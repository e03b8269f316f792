"""What depends on the event loop, in one place: a waiter, a ticker, the loop's clock.

On asyncio a waiter is a plain future, the cheapest thing to wait on: a class made from it would
be dearer. Elsewhere it is an anyio event with the same face. All else is anyio's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

Clock = Callable[[], float]


def on_asyncio() -> bool:
    """Whether the running loop is asyncio's (or uvloop's), not trio's."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def current_clock() -> Clock:
    """The running loop's clock: monotonic seconds, virtual where the loop's time is."""
    if on_asyncio():
        loop_time = asyncio.get_running_loop().time
        # Where that only reads this clock, as asyncio's own loops do, read it without the detour.
        plain = getattr(loop_time, "__func__", None) is asyncio.BaseEventLoop.time
        return time.monotonic if plain else loop_time
    import trio

    return trio.current_time


def threadsafe_scheduler() -> Callable[[Callable[[], object]], object]:
    """What has a function called in the running loop's next turn, whoever asks for it: another
    thread, or a finaliser, which may run in the middle of anything. Once the loop has ended,
    that raises RuntimeError.
    """
    if on_asyncio():
        return asyncio.get_running_loop().call_soon_threadsafe
    import trio

    return trio.lowlevel.current_trio_token().run_sync_soon


class Waiter(Protocol):
    """Awaited by one task, woken by :func:`wake`: what it needs of a future."""

    def done(self) -> bool:
        """Whether it was woken or cancelled."""
        ...

    def set_result(self, result: None, /) -> None: ...

    def __await__(self) -> Generator[Any, Any, None]: ...


def wake(waiter: Waiter) -> None:
    """Wake the task that waits, from anywhere in the same loop. Waking twice is once."""
    if not waiter.done():
        waiter.set_result(None)


class EventWaiter:
    """The waiter on any loop but asyncio's."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = anyio.Event()

    def done(self) -> bool:
        return self._event.is_set()

    def set_result(self, result: None, /) -> None:
        self._event.set()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._event.wait().__await__()


def waiter_factory() -> Callable[[], Waiter]:
    """What makes a waiter for the running loop."""
    if on_asyncio():
        return partial(asyncio.Future, loop=asyncio.get_running_loop())
    return EventWaiter


def new_waiter() -> Waiter:
    """A waiter for the running loop."""
    return waiter_factory()()


CLOSING_LIMIT = 3.0
"""Seconds that closing waits at most for what takes a few turns of the loop."""


async def wait_shielded(finished: anyio.Event) -> None:
    """Wait for ``finished`` even if cancelled, so that closing leaves nothing behind.

    For events that are set within a few turns of the loop. If that was prevented, by an
    interrupt for example, the wait ends after CLOSING_LIMIT or with a second exception.
    """
    interruption: BaseException | None = None
    with anyio.move_on_after(CLOSING_LIMIT, shield=True) as scope:
        try:
            await finished.wait()
        except BaseException as error:  # asyncio's own cancellation passes through a shield
            if scope.cancel_called:
                raise
            interruption = error
            await finished.wait()
    if interruption is not None:
        raise interruption


EXITS = (KeyboardInterrupt, SystemExit)
"""Exceptions that end the program: asyncio raises them out of the loop when a task ends so."""


def exit_in(error: BaseException) -> BaseException | None:
    """Return the exception that ends the program: this one or one in this group; else None."""
    while isinstance(error, BaseExceptionGroup):
        ends = error.subgroup(EXITS)
        if ends is None:
            return None
        error = ends.exceptions[0]
    return error if isinstance(error, EXITS) else None


@asynccontextmanager
async def task_group() -> AsyncIterator[TaskGroup]:
    """Open a task group that lets KeyboardInterrupt and SystemExit of its body pass as they are.

    In a group of exceptions asyncio would keep them with the task, and the program would go on.
    """
    interrupt: BaseException | None = None
    async with anyio.create_task_group() as group:
        try:
            yield group
        except EXITS as error:
            interrupt = error
            group.cancel_scope.cancel()
    if interrupt is not None:
        raise interrupt


class Ticker:
    """Calls ``tick`` at the times that ``due`` tells: one timer for however many deadlines.

    ``due`` is asked anew after each tick and each :meth:`poke`; None means never.
    """

    def __init__(self, clock: Clock, due: Callable[[], float | None], tick: Callable[[], None]):
        self._clock = clock
        self._due = due
        self._tick = tick
        self.next_due: float = float("-inf")
        """When it will tick next unless it is told of something sooner."""
        self._event = anyio.Event()

    def poke(self, due: float) -> None:
        """Something falls due at ``due``: wake if that is sooner than was known."""
        if due < self.next_due:
            self._event.set()

    async def run(self) -> None:
        while True:
            self._event = anyio.Event()
            due = self._due()
            self.next_due = float("inf") if due is None else due
            if self.next_due > self._clock():
                with anyio.CancelScope(deadline=self.next_due):
                    await self._event.wait()
            # Others first: what came in while the loop was busy may be what is waited for.
            await anyio.lowlevel.checkpoint()
            if self._clock() >= self.next_due:
                self._tick()
