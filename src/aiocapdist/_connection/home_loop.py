"""The event loop that a client belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import get_ident
from typing import Any

from .._loop import on_asyncio
from ..quota._core.loops import call_after_fork, has_ended


class HomeLoop:
    """The running loop, its thread and its process, as they were when this was made."""

    __slots__ = ("__weakref__", "_is_running", "_loop", "_thread", "was_forked")

    def __init__(self) -> None:
        self.was_forked: bool = False
        """True in a child process that was forked after this was made."""
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
        call_after_fork(self)

    def after_fork(self) -> None:
        """This is the child: the loop, even if it is a copy of the running one, is the parent's."""
        self.was_forked = True
        self._thread = 0  # no thread has this number

    def check(self) -> None:
        """Raise RuntimeError unless called on this loop, in its own process."""
        if self._thread == get_ident() and self._is_running():
            return
        if not self._has_moved():
            raise RuntimeError(self._explain())

    @property
    def is_closed(self) -> bool:
        """True if the loop has ended for good."""
        return has_ended(self._loop)

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
