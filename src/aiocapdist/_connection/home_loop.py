"""The event loop that a client belongs to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from threading import get_ident
from typing import Any

from .._loop import on_asyncio


class _Forks:
    """Counts the forks between the first process and this one."""

    count: int = 0

    def add(self) -> None:
        self.count += 1


_forks = _Forks()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_forks.add)


class HomeLoop:
    """The running loop, its thread and its process, as they were when this was made."""

    __slots__ = ("_forks", "_is_running", "_loop", "_thread")

    def __init__(self) -> None:
        self._forks = _forks.count
        self._thread = get_ident()
        self._loop: Any
        self._is_running: Callable[[], bool]
        if on_asyncio():
            self._loop = asyncio.get_running_loop()
            # With the thread below this is as exact as asking for the running loop, which on
            # Python 3.11 takes a system call each time.
            self._is_running = self._loop.is_running
        else:
            import trio

            self._loop = trio.lowlevel.current_trio_token()
            self._is_running = self._is_running_on_trio

    def check(self) -> None:
        """Raise RuntimeError unless called on this loop, in its own process."""
        if self._thread == get_ident() and self._forks == _forks.count and self._is_running():
            return
        if not self._has_moved():
            raise RuntimeError(self._explain())

    @property
    def was_forked(self) -> bool:
        """True in a child process that was forked after this was made."""
        return self._forks != _forks.count

    @property
    def is_closed(self) -> bool:
        """True if the loop has ended for good."""
        if isinstance(self._loop, asyncio.AbstractEventLoop):
            return self._loop.is_closed()
        try:
            self._loop.run_sync_soon(int)
        except RuntimeError:  # trio's RunFinishedError
            return True
        return False

    def _explain(self) -> str:
        """Return what is wrong with the caller's loop, and what to do."""
        if self.was_forked:
            return (
                "this client was created before this process was forked, and its connection "
                "belongs to the parent process; create a client in the child process"
            )
        if self.is_closed:
            return (
                "this client belongs to an event loop that has ended; close each client before "
                "its loop ends, and create one for each loop"
            )
        return (
            "this client belongs to another event loop; await it there, from another thread by "
            "asyncio.run_coroutine_threadsafe() or anyio.from_thread.run(), or create a client "
            "on this loop"
        )

    def _has_moved(self) -> bool:
        """True if the loop now runs in this thread, not in the one where this was made."""
        if self.was_forked or not self._is_running():
            return False
        on_asyncio = isinstance(self._loop, asyncio.AbstractEventLoop)
        if on_asyncio and asyncio._get_running_loop() is not self._loop:
            return False
        self._thread = get_ident()
        return True

    def _is_running_on_trio(self) -> bool:
        import trio

        try:
            return trio.lowlevel.current_trio_token() is self._loop
        except RuntimeError:
            return False
