"""What depends on the event loop, in one place: a waiter, a ticker, the loop's clock.

On asyncio a waiter is a bare future, the cheapest thing to wait on; elsewhere it is an
anyio event. All else is anyio's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Protocol

import anyio
import anyio.lowlevel

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
        return asyncio.get_running_loop().time
    import trio

    return trio.current_time


class Waiter(Protocol):
    """Awaited by one task, woken from anywhere in the same loop; waking twice is once."""

    def wake(self, source: object = None) -> None: ...

    def __await__(self) -> Generator[Any, Any, None]: ...


class FutureWaiter(asyncio.Future[None]):
    """The waiter on asyncio."""

    __slots__ = ()

    def wake(self, source: object = None) -> None:
        if not self.done():
            self.set_result(None)


class EventWaiter:
    """The waiter on any other loop."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = anyio.Event()

    def wake(self, source: object = None) -> None:
        self._event.set()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._event.wait().__await__()


def waiter_kind() -> Callable[[], Waiter]:
    """What makes a waiter for the running loop."""
    if on_asyncio():
        return partial(FutureWaiter, loop=asyncio.get_running_loop())
    return EventWaiter


def new_waiter() -> Waiter:
    """A waiter for the running loop."""
    return waiter_kind()()


class Ticker:
    """Calls ``tick`` at the times that ``due`` tells: one timer for however many deadlines.

    ``due`` is asked anew after each tick and each :meth:`poke`; None means never.
    """

    def __init__(self, clock: Clock, due: Callable[[], float | None], tick: Callable[[], None]):
        self._clock = clock
        self._due = due
        self._tick = tick
        self._armed = float("-inf")
        self._event = anyio.Event()

    def poke(self, due: float) -> None:
        """Something falls due at ``due``: wake if that is sooner than was known."""
        if due < self._armed:
            self._event.set()

    async def run(self) -> None:
        while True:
            self._event = anyio.Event()
            due = self._due()
            self._armed = float("inf") if due is None else due
            if self._armed > self._clock():
                with anyio.CancelScope(deadline=self._armed):
                    await self._event.wait()
            else:
                # Never spin without letting others run, even if `tick` falls behind.
                await anyio.lowlevel.checkpoint()
            if self._clock() >= self._armed:
                self._tick()
