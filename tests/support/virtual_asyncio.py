"""Virtual time for asyncio, like trio's MockClock for trio.

Time stands still while anything is ready to run, and jumps to the next timer when nothing
is. A day of quota runs in seconds, and the same each time.

::

    run_virtually(some_async_function, on="asyncio")     # or "trio"
    ("asyncio", {"loop_factory": VirtualLoop})            # as anyio's backend and options

Sockets and anyio's threads still work, but time does not wait for them: what is under test
has to happen in one process, over the simulator's memory transport.
"""

from __future__ import annotations

import asyncio
import os
import random
import selectors
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import anyio
import trio.testing

T = TypeVar("T")
_trio_order: random.Random = trio._core._run._r
BACKENDS = ["asyncio", "trio"]


class Stuck(AssertionError):
    """All tasks wait and no timer is set: nothing would ever happen again."""


class _JumpingSelector(selectors.SelectSelector):
    """Makes its loop jump to the next timer where asyncio would sleep until then."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.loop.threads:
            return super().select(self.loop.patience)
        if self.loop.wake_blocked():
            return []
        if self.loop.halting:
            self.loop.stop()
        elif timeout is not None:
            self.loop.jump()
        else:
            # No timer at all, but a thread may still call into the loop, in real time.
            ready = super().select(self.loop.patience)
            if not ready:
                raise Stuck("all tasks wait and no timer is set")
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose ``time()`` is virtual; it begins at 0."""

    def __init__(self) -> None:
        self._now = 0.0
        self.halting = False
        self.jumps = 0
        self.threads = 0
        self.patience = 5.0  # real seconds that a thread may take if nothing else is due
        self._blocked: asyncio.Future[None] | None = None
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self._now

    def jump(self) -> None:
        """Jump to the next timer's own time: adding up differences might fall short of it."""
        self.jumps += 1
        self._now = max(self._now, self._scheduled[0].when())  # type: ignore[attr-defined]

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Let time stand still while one of asyncio's threads runs, as for a name lookup."""
        future = super().run_in_executor(executor, func, *args)
        self.threads += 1
        future.add_done_callback(self._thread_ended)
        return future

    def _thread_ended(self, future: object) -> None:
        self.threads -= 1

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        """Let time stand still while the threads end, too: from 3.12 on there is a timeout."""
        self.threads += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self.threads -= 1

    def all_blocked(self) -> asyncio.Future[None]:
        """Return a future that is done once all tasks wait; no time passes until then."""
        if self._blocked is None:
            self._blocked = self.create_future()
        return self._blocked

    def wake_blocked(self) -> bool:
        """Complete that future. False if nobody waits for it."""
        blocked, self._blocked = self._blocked, None
        if blocked is None or blocked.done():
            return False
        blocked.set_result(None)
        return True

    def settle(self) -> None:
        """Run what is ready, and what that makes ready, from outside; time stands still."""
        self.halting = True
        try:
            self.run_forever()
        finally:
            self.halting = False

    def let_pass(self, seconds: float) -> None:
        """Run for this many virtual seconds, from outside, and then what is ready."""
        self.run_until_complete(asyncio.sleep(seconds))
        self.settle()


def virtual(on: str) -> tuple[str, dict[str, Any]]:
    """Return anyio's backend and options for virtual time on ``asyncio`` or ``trio``."""
    if on == "asyncio":
        return "asyncio", {"loop_factory": VirtualLoop}
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


def run_virtually(
    function: Callable[..., Awaitable[T]], *args: Any, on: str = "asyncio", **options: Any
) -> T:
    """Call ``anyio.run`` on virtual time."""
    backend, backend_options = virtual(on)

    async def call(named: Mapping[str, Any]) -> T:
        return await function(*args, **named)

    if on == "trio":
        # Trio runs ready tasks in an order that it draws: the same seed, the same day.
        _trio_order.seed(os.environ.get("AIOCAPDIST_SEED", "0"))
        # anyio before 4.15 does not hand the clock to trio
        return trio.run(call, options, **backend_options)
    return anyio.run(call, options, backend=backend, backend_options=backend_options)
