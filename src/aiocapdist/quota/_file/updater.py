"""Changes to the ledger file: what cannot be written now is retried, and trouble is noted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from math import inf
from typing import TypeAlias

from ..._loop import Clock
from ...errors import QuotaUnavailable
from .ledger_file import LedgerFile
from .owner import boot_clock
from .section import Section

log = logging.getLogger("aiocapdist")

Change: TypeAlias = Callable[[Section, float], None]
"""A change of the section, at a time of the machine's clock."""

RETRY_AFTER = 0.002
"""Seconds until the next try if another process has the file locked."""
LOCKED_AT_MOST = 5.0
"""Seconds that another process may keep the file locked before that is trouble."""
RETRY_IN_TROUBLE = 1.0
"""Seconds until the next try if the file cannot be used."""
LAST_ATTEMPTS = 100
"""Tries to write what is pending before the file is closed: half a millisecond's worth."""


class Updater:
    """Updates of one file by one quota. Times are of the quota's clock."""

    def __init__(self, new_file: Callable[[], LedgerFile], clock: Clock) -> None:
        self.trouble: QuotaUnavailable | None = None
        """Why the file cannot be used; None while it can."""
        self.retry_at: float = inf
        """When to try again; ``inf`` if nothing is to be retried."""
        self.file = new_file()
        self.clock = clock
        self._new_file = new_file
        self._pending: list[Change] = []
        self._locked_since: float | None = None

    @property
    def paused(self) -> bool:
        """True while something is to be retried: until then nothing else is tried."""
        return self.retry_at < inf

    @property
    def has_pending(self) -> bool:
        """True if a change is yet to be written."""
        return bool(self._pending)

    def pause(self, seconds: float) -> None:
        """Try nothing for this many seconds."""
        self.retry_at = self.clock() + seconds

    def resume(self, now: float) -> None:
        """End a pause that is over."""
        # Not an earlier one: a mere look would keep those that wait from being retried.
        if now >= self.retry_at:
            self.retry_at = inf

    def shift(self, seconds: float) -> None:
        """Move all times: the clock was replaced by one that is this far ahead."""
        self.retry_at += seconds
        if self._locked_since is not None:
            self._locked_since += seconds

    def add_pending(self, change: Change) -> None:
        """Make this change with the next update that succeeds, before it."""
        self._pending.append(change)

    def after_fork(self) -> None:
        """Drop all pending changes: they are the parent's."""
        self._pending.clear()

    def update(self, change: Change) -> bool:
        """Make all pending changes and this one. False if not now; retry soon."""
        count = len(self._pending)

        def make_all(section: Section) -> None:
            now = boot_clock()
            for pending in self._pending[:count]:
                pending(section, now)
            change(section, now)

        try:
            done = self.file.update(make_all)
        except QuotaUnavailable as error:
            self._note_trouble(error)
            return False
        if done:
            del self._pending[:count]
            self.trouble = self._locked_since = None
        else:
            self._note_locked(self.clock())
        return done

    def check(self) -> LedgerFile | None:
        """Validate the file fully, and make it if there is none.

        Returns what :meth:`LedgerFile.adopt` takes, None if another process has the file locked
        just now. Uses nothing of this object, and may run in a thread beside it. Raises
        QuotaUnavailable if the file cannot be used.
        """
        with closing(self._new_file()) as file:
            file.check()
            return file if file.update(lambda section: None) else None

    def close(self, change: Change) -> None:
        """Close the file until it is next used, after writing what is pending if possible."""
        for _ in range(LAST_ATTEMPTS):
            if not self._pending:
                break
            self.update(change)
        self.file.close()

    def _note_locked(self, now: float) -> None:
        """Retry soon; only a lock that is kept is trouble."""
        if self._locked_since is None:
            self._locked_since = now
        if now - self._locked_since < LOCKED_AT_MOST:
            self.pause(RETRY_AFTER)
        else:
            self._note_trouble(self.file.locked())

    def _note_trouble(self, error: QuotaUnavailable) -> None:
        self.pause(RETRY_IN_TROUBLE)
        if self.trouble is None or self.trouble.reason != error.reason:
            log.warning("%s; calls wait", error)
        self.trouble = error
