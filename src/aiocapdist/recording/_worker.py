"""The worker thread in which a recording's database is used, by one call at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

import anyio
from anyio import CancelScope, CapacityLimiter, to_thread

from ..errors import RecordingError
from ._database import Database, Failed
from ._rows import InvalidRow
from ._store import Store

_T = TypeVar("_T")
PATIENCE = 30.0
"""Seconds for which a locked database or an unreachable server is retried."""
_PAUSE = 0.1  # seconds between attempts; the database itself waits for a lock too


class Worker:
    """Opens, uses and closes a store in threads of anyio.

    A thread cannot be interrupted: cancelling waits for the end of what runs in it, which is
    one short transaction. asyncio's own ``Task.cancel()`` does not wait, so that the thread
    may still run when the next call comes: the lock keeps them apart, not the limiter.
    """

    def __init__(self, database: Database, *, read_only: bool) -> None:
        self._database = database
        self.read_only = read_only
        self._lock = Lock()
        self._limiter: CapacityLimiter | None = None  # first come, first served
        self._store: Store | None = None
        self._wanted = False
        self._process = os.getpid()

    @property
    def is_open(self) -> bool:
        """True between open() and close()."""
        return self._store is not None

    @property
    def store(self) -> Store:
        """The open store, for synchronous callers. Raises Failed while closed."""
        if self._store is None:
            raise self._database.failed("it is not open", "use it inside async with")
        return self._store

    async def open(self) -> None:
        """Open the store, unless it is open. Raises RecordingError; closed then."""
        self._check_process()
        self._wanted = True
        self._limiter = self._limiter or CapacityLimiter(1)
        try:
            await self._retry(self._open, "locked")
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the store after what is running, unless it is closed. Never fails."""
        if self._process != os.getpid():
            return  # it is the parent's
        self._wanted = False
        self._limiter = None
        with CancelScope(shield=True):
            # A limiter of its own: asyncio's cancelling could end a wait for another.
            await to_thread.run_sync(self._close, limiter=CapacityLimiter(1))

    async def use(self, work: Callable[[Store], _T]) -> _T:
        """Call ``work`` with the store in a thread and return its result; retry if locked.

        Raises RecordingError, also while closed.
        """

        self._check_process()

        def locked() -> _T:
            with self._lock:
                return work(self.store)

        return await self._retry(locked, "locked", "away")

    async def run(self, work: Callable[[], _T]) -> _T:
        """Call ``work`` in a thread, never beside another call, and return its result."""

        def locked() -> _T:
            with self._lock:
                return work()

        return await to_thread.run_sync(locked, limiter=self._limiter)

    async def _retry(self, work: Callable[[], _T], *causes: str) -> _T:
        deadline = anyio.current_time() + PATIENCE
        while True:
            try:
                return await to_thread.run_sync(work, limiter=self._limiter)
            except Failed as failure:
                if failure.retry not in causes or anyio.current_time() >= deadline:
                    raise failure.error from failure.__cause__
            except InvalidRow as error:
                where = self._database.where
                raise RecordingError(where, str(error), "correct it or delete it") from None
            await anyio.sleep(_PAUSE)

    def _check_process(self) -> None:
        # A connection must not be used after a fork, and the lock may be held forever.
        if self._process != os.getpid():
            raise self._database.failed(
                "it was made before this process was forked", "make another Recording here"
            ).error

    # ---- In the thread

    def _open(self) -> None:
        with self._lock:
            # Cancelled before this thread started: nobody would close the store.
            if self._wanted and self._store is None:
                self._store = Store(self._database, read_only=self.read_only)

    def _close(self) -> None:
        with self._lock:
            if self._store is not None and not self._wanted:
                self._store.close()
                self._store = None
