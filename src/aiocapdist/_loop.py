"""What depends on the event loop: its clock, waiters, a ticker. anyio does the rest.

On asyncio a waiter is a plain future, the cheapest object to wait for. Elsewhere it is an anyio
event with the same interface.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Protocol

import anyio
import anyio.abc
import anyio.lowlevel

Clock = Callable[[], float]
"""Returns monotonic time in seconds."""

MAX_DEFERRALS = 100
"""Turns of the loop by which a tick is deferred at most. On asyncio each reads up to 256 KiB."""
_IDLE_TURNS = 3
"""Turns without anything to read after which all that arrived has been handled."""


def on_asyncio() -> bool:
    """True if the running loop is asyncio's (or uvloop's); False on trio."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def current_clock() -> Clock:
    """Return the running loop's clock. It is virtual if the loop's time is."""
    if on_asyncio():
        loop_time = asyncio.get_running_loop().time
        # asyncio's own loops only read time.monotonic: call that directly.
        plain = getattr(loop_time, "__func__", None) is asyncio.BaseEventLoop.time
        return time.monotonic if plain else loop_time
    import trio

    return trio.current_time


def threadsafe_scheduler() -> Callable[[Callable[[], object]], object]:
    """Return a function that schedules a callback in the running loop.

    It may be called from other threads and from finalizers. Raises RuntimeError once the loop
    has ended.
    """
    if on_asyncio():
        return asyncio.get_running_loop().call_soon_threadsafe
    import trio

    return trio.lowlevel.current_trio_token().run_sync_soon


class Waiter(Protocol):
    """Awaited by one task and woken by :func:`wake`. The part of a future that is needed."""

    def done(self) -> bool:
        """True if it was woken or cancelled."""
        ...

    def set_result(self, result: None, /) -> None: ...

    def __await__(self) -> Generator[Any, Any, None]: ...


def wake(waiter: Waiter) -> None:
    """Wake the task that awaits ``waiter``. Call it in the same loop; repeating does nothing."""
    if not waiter.done():
        waiter.set_result(None)


class EventWaiter:
    """A waiter for loops other than asyncio's."""

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
    """Return a function that creates waiters for the running loop."""
    if on_asyncio():
        return partial(asyncio.Future, loop=asyncio.get_running_loop())
    return EventWaiter


def new_waiter() -> Waiter:
    """Return a waiter for the running loop."""
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


class Ticker:
    """Calls ``tick`` when the time that ``due`` returns has come: one timer for many deadlines.

    ``due`` is called again after each tick and each :meth:`poke`; None means never. While
    ``busy`` returns True, a tick is deferred by up to :data:`MAX_DEFERRALS` turns of the loop:
    by then, what was due may be settled.
    """

    def __init__(
        self,
        clock: Clock,
        due: Callable[[], float | None],
        tick: Callable[[], None],
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock = clock
        self._due = due
        self._tick = tick
        self._busy = busy
        self.next_due: float = float("-inf")
        """When it ticks next, unless poked."""
        self._event = anyio.Event()

    def poke(self, due: float) -> None:
        """Announce a deadline: wake up if it is sooner than ``next_due``."""
        if due < self.next_due:
            self._event.set()

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            self._event = anyio.Event()
            due = self._due()
            self.next_due = float("inf") if due is None else due
            if self.next_due > self._clock():
                with anyio.CancelScope(deadline=self.next_due):
                    await self._event.wait()
            await self._let_others_run()
            if self._clock() >= self.next_due:
                self._tick()

    async def _let_others_run(self) -> None:
        """Let received data be read first: after a blocked loop, it may be what is waited for."""
        idle = 0
        for _ in range(MAX_DEFERRALS):
            await anyio.lowlevel.checkpoint()
            if self._clock() < self.next_due:
                return
            # On trio, bytes are in no buffer while the reading task waits for its turn.
            idle = 0 if self._busy() else idle + 1
            if idle == _IDLE_TURNS:
                return
