"""A way to the ledger file that is kept open: what cannot be done now is done soon, and it is
known whether that is for a moment or for longer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from math import inf
from typing import TypeAlias

from ..._loop import Clock
from ...errors import QuotaUnavailable
from .holder import boot_clock
from .ledger_file import LedgerFile
from .page import Page

Change: TypeAlias = Callable[[Page, float], None]
"""Of the page, at a time of the machine's clock."""

RETRY_AFTER = 0.002
"""Seconds until the next try where another process had the file."""
LOCKED_AT_MOST = 5.0
"""Seconds that another program which uses the file may need to let go of it."""
IN_TROUBLE = 1.0
"""Seconds until the next try where the file cannot be used."""
ATTEMPTS_AT_LAST = 100
"""To write what is owed, when nobody may come again to do it: half a millisecond's worth."""


class FileAccess:
    """The file as one quota uses it: times are of the quota's clock."""

    def __init__(self, new_file: Callable[[], LedgerFile], clock: Clock) -> None:
        self.trouble: QuotaUnavailable | None = None
        """Why the file cannot be used; None while it can."""
        self.pause_ends: float = inf
        """When to try again; ``inf`` while there is nothing to try."""
        self._new_file = new_file
        self._file = new_file()
        self._clock = clock
        self._owed: list[Change] = []
        self._locked_since: float | None = None

    @property
    def paused(self) -> bool:
        """Whether something is to be tried again: until then nothing else is."""
        return self.pause_ends < inf

    @property
    def owes(self) -> bool:
        """Whether something is yet to be written."""
        return bool(self._owed)

    def pause(self, seconds: float) -> None:
        """Try nothing before that."""
        self.pause_ends = self._clock() + seconds

    def resume(self, now: float) -> None:
        """End a pause that is over."""
        # No other: who only looks would keep those who wait from trying again.
        if now >= self.pause_ends:
            self.pause_ends = inf

    def shift(self, seconds: float) -> None:
        """The clock was replaced by one that runs this far ahead."""
        self.pause_ends += seconds
        if self._locked_since is not None:
            self._locked_since += seconds

    def owe(self, change: Change) -> None:
        """Make this change with the next update that succeeds, before it."""
        self._owed.append(change)

    def forget(self) -> None:
        """What is owed is another's, before a fork."""
        self._owed.clear()

    def update(self, change: Change) -> bool:
        """See and change the page. False: not now, but soon again."""
        owed = len(self._owed)

        def pay_and_change(page: Page) -> None:
            now = boot_clock()
            for due in self._owed[:owed]:
                due(page, now)
            change(page, now)

        try:
            done = self._file.update(pay_and_change)
        except QuotaUnavailable as error:
            self.trouble = error
            self.pause(IN_TROUBLE)
            return False
        if done:
            del self._owed[:owed]
            self.trouble = self._locked_since = None
        else:
            self._locked(self._clock())
        return done

    def check(self) -> bool:
        """Look at the file more closely than each time, beside whatever is done with it here:
        in a thread, say. False: another process has it just now.

        Raises QuotaUnavailable where it cannot be used.
        """
        with closing(self._new_file()) as file:
            file.check()
            return file.update(lambda page: None)

    def locked(self) -> QuotaUnavailable:
        """The error that says that somebody keeps the file locked."""
        return self._file.locked()

    def close(self, look: Change) -> None:
        """Let go of the file until it is needed again; with nothing owed, if that can be."""
        for _ in range(ATTEMPTS_AT_LAST):
            if not self._owed:
                break
            self.update(look)
        self._file.close()

    def _locked(self, now: float) -> None:
        """Another process has the file: that is nothing, unless it keeps it."""
        if self._locked_since is None:
            self._locked_since = now
        if now - self._locked_since < LOCKED_AT_MOST:
            self.pause(RETRY_AFTER)
        else:
            self.pause(IN_TROUBLE)
            self.trouble = self.locked()
