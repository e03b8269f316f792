"""How long one turn of the event loop takes: what else runs in the loop waits as long."""

from __future__ import annotations

import asyncio
import selectors
import time


class TurnTimer(selectors.DefaultSelector):
    """Measures turns, from the end of one wait for I/O to the beginning of the next.

    In processor time of the thread: how long others on the machine held it up does not count.
    """

    longest = 0.0
    """Seconds of the longest turn since this was set to 0."""
    _began = float("inf")

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.longest = max(self.longest, time.thread_time() - self._began)
        events = super().select(timeout)
        self._began = time.thread_time()
        return events


def timed_loop() -> tuple[TurnTimer, asyncio.AbstractEventLoop]:
    """Return a loop and what measures its turns."""
    timer = TurnTimer()
    return timer, asyncio.SelectorEventLoop(timer)
