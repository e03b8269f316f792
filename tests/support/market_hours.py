"""A clock for a simulator's figures, set by tests or running with the event loop."""

from __future__ import annotations

from datetime import datetime

import anyio

from aiocapdist.simulator._market_data import STEP


def hong_kong(text: str) -> float:
    """Return the Unix time of a time in Hong Kong, such as ``2023-11-15 10:00``."""
    return datetime.fromisoformat(f"{text}+08:00").timestamp()


OPEN = hong_kong("2023-11-15 10:00")
"""A Wednesday morning: Hong Kong and the mainland are open, New York is closed."""


class SetClock:
    """A clock that stands still until it is set: ``Simulator(now=clock)``."""

    def __init__(self, now: float = OPEN) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def next_figures(self) -> None:
        """Go on to the moment when the figures of open markets change next."""
        self.now += STEP


def running_from(text: str) -> RunningClock:
    """Return a clock that shows this time in Hong Kong when the loop's time is 0, and runs."""
    return RunningClock(hong_kong(text))


class RunningClock:
    """A clock that runs with the event loop's time."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._zero: float | None = None

    def __call__(self) -> float:
        if self._zero is None:
            self._zero = anyio.current_time()
        return self._start + anyio.current_time() - self._zero
