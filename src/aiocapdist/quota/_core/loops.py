"""Which event loop uses a quota, whether that loop has ended, and what a fork leaves behind."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any, Protocol
from weakref import WeakSet, ref


class Forkable(Protocol):
    """An object with state that is the parent's alone."""

    def after_fork(self) -> None:
        """Drop that state: called in the child."""


_forkables: WeakSet[Forkable] = WeakSet()


def call_after_fork(forkable: Forkable) -> None:
    """Call the object's ``after_fork`` in each child of this process, while it exists."""
    _forkables.add(forkable)


def _after_fork() -> None:
    for forkable in list(_forkables):
        forkable.after_fork()


if hasattr(os, "register_at_fork"):  # pragma: no branch; not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_after_fork)


class LoopBinding:
    """The event loop that was current when this was made; None if there was none."""

    def __init__(self) -> None:
        loop = _current_loop()
        self._loop = None if loop is None else ref(loop)

    @property
    def is_current(self) -> bool:
        """True if the same loop is current now."""
        loop = _current_loop()
        return loop is None if self._loop is None else loop is not None and loop is self._loop()

    @property
    def has_ended(self) -> bool:
        """True if the loop was closed, or dropped without being closed."""
        loop = None if self._loop is None else self._loop()
        return loop is None or has_ended(loop)


def has_ended(loop: Any) -> bool:
    """True if this asyncio loop is closed, or the run of this trio token is over."""
    if isinstance(loop, asyncio.AbstractEventLoop):
        return loop.is_closed()
    try:
        loop.run_sync_soon(_do_nothing)
    except RuntimeError:  # trio's RunFinishedError
        return True
    return False


def _current_loop() -> Any:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        pass
    if "trio" in sys.modules:
        import trio

        try:
            return trio.lowlevel.current_trio_token()
        except RuntimeError:
            pass
    return None


def _do_nothing() -> None:
    """Run in a loop to see whether it runs."""
