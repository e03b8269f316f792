"""Tokens that many processes of a machine share, in a ledger file (see quota/store.py).

What the others do is seen when we look; between two looks the latest sight serves. What
cannot be written at the moment is owed, and written with the next look.
"""

from __future__ import annotations

import os
from functools import partial
from math import inf
from pathlib import Path

from ..._loop import Clock
from .._core.store import GRACE, estimate
from .access import Change, FileAccess
from .holder import boot_clock, is_alive, this_process
from .ledger_file import LedgerFile
from .page import Page
from .slots import Sight

LEASE = 120.0
"""Seconds for which a token is held at most without a word from its holder: far more than
OpenD takes to count. It ends what a holder has whom nobody can see."""
LOOK_EVERY = 1.0
"""Seconds at most between looks while others hold tokens: one may die, or put its token back.
A thirtieth of shorter periods, or too much would be missed."""
BACK_AFTER = 1e-6
"""Seconds later than need be, so that no rounding between two clocks makes us come too early."""


class FileStore:
    """The tokens of one account, as one quota of this process sees them."""

    def __init__(self, path: Path, limit: int, period: float, margin: float, clock: Clock) -> None:
        self._limit = limit
        self._span = period + margin
        self._clock = clock
        self._look_every = min(LOOK_EVERY, period / 30)
        self._sharing_pause = period / 3000  # others, if they wait, are awake by then
        span = self._span + GRACE
        new_file = partial(LedgerFile, path, limit, period, span=span, cold=LEASE + span)
        self.access = FileAccess(new_file, clock)
        self._me = this_process()
        self._mine = 0  # tokens that I hold, whatever the page says
        self._sight = Sight(limit, 0, 0, [], [], inf)
        self._ahead = 0.0  # of the quota's clock, when that was seen
        self._look_at = -inf
        self._yielded = False  # to those who wait for longer, just now
        self._refusals: int | None = None  # of all processes, as far as is known
        self._fresh_refusals = 0
        self._buried_at = -inf

    # ---- what the quota calls (see quota/store.py)

    @property
    def free(self) -> int:
        return self._sight.free

    @property
    def held(self) -> int:
        return self._sight.mine + self._sight.others

    @property
    def cooling(self) -> int:
        return len(self._sight.counted) + len(self._sight.refused)

    @property
    def next_back(self) -> float:
        return self.access.pause_ends if self.access.paused else self._look_at

    def usable(self, ceiling: int) -> int:
        if self.access.paused:
            return 0
        spent = self._limit - self.free - len(self._sight.refused)
        return max(0, min(self.free, ceiling - spent))

    def take(self, count: int = 1, ceiling: int | None = None, leave: int = 0) -> int:
        taken = 0

        def change(page: Page, now: float) -> None:
            nonlocal taken
            self._see(page, now)
            usable = self.usable(self._limit if ceiling is None else ceiling)
            taken = self._share(page, now, min(count, usable, self.free - leave))
            if taken:
                until = now + LEASE + self._span
                page.take(taken, self._me, now, until)
                self._sight = self._sight.having_taken(taken, until)

        if not self._update(change):
            return 0
        self._mine += taken
        return taken

    def put_back(self, count: int = 1) -> None:
        self._mine -= count
        self._owe(lambda page, _: page.put_back(count, self._me))

    def settle(self, count: int, now: float, *, grace: float = 0.0, refused: bool = False) -> None:
        self._mine -= count
        until = now + boot_clock() - self._clock() + grace + self._span

        def change(page: Page, now: float) -> None:
            page.settle(count, self._me, now, until, refused=refused)
            if refused and self._refusals is not None:
                self._refusals += count  # the quota knows of its own

        self._owe(change)

    def advance(self, now: float) -> None:
        self.access.resume(now)
        self._update(self._look)

    def eta(self, n: int, now: float, ceiling: int) -> float:
        back = BACK_AFTER - self._ahead
        counted = [now] * self.free + [now + self._span] * self.held
        counted += [until + back for until in self._sight.counted]
        refused = [until + back for until in self._sight.refused]
        return estimate(
            *(n, now), ceiling=ceiling, span=self._span, counted=counted, refused=refused
        )

    def shift(self, seconds: float) -> None:
        self._ahead -= seconds
        self._look_at += seconds
        self.access.shift(seconds)

    # ---- what only this kind of store does

    @property
    def duty(self) -> float:
        """When to look even if nobody waits: to write what is owed, or that we live."""
        renew_at = self._sight.lease_ends - self._span - LEASE / 2 - self._ahead
        due = -inf if self.access.owes else renew_at
        return max(due, self.access.pause_ends) if self.access.paused else due

    def wait(self) -> None:
        """Let the others know that somebody waits here: they leave it a share."""
        back = self._look_at - self._clock()
        back = 0.0 if back == inf else max(0.0, back)

        def change(page: Page, now: float) -> None:
            if page.waiting.get(self._me.instance, 0.0) <= now + back:
                page.wait(self._me, now, now + back + 2 * LOOK_EVERY)

        self._update(change)

    def fresh_refusals(self) -> int:
        """How many refusals of other processes came to be known since the last time."""
        fresh, self._fresh_refusals = self._fresh_refusals, 0
        return fresh

    def close(self) -> None:
        """Let go of the file until it is needed again; with nothing owed, if that can be."""
        self.access.close(self._look)

    # ---- inside

    def _share(self, page: Page, now: float, wanted: int) -> int:
        """How many of them to take: who waits elsewhere shall have some too."""
        others, before = page.others_waiting(self._me, now)
        if self._yielded:
            before = 0  # they did not want it, or cannot have it
        share = min(-(-self.free // (1 + others)), self.free - before)
        taken = max(0, min(wanted, share))
        if self._fresh_refusals:
            taken = 0  # the quota must know of them first
        self._yielded = before > 0 and taken == 0 < wanted
        if taken < wanted:
            self.access.pause(self._sharing_pause)
        return taken

    def _owe(self, change: Change) -> None:
        """Make this change: now, or as soon as it can be."""
        self.access.owe(change)
        self._update(self._look)

    def _update(self, change: Change) -> bool:
        """See and change the page. False: not now, but soon again."""
        if self._me.pid != os.getpid():
            # This is another process, by a fork: what was held or is owed is the parent's.
            self._me = this_process()
            self._mine = 0
            self.access.forget()
        return self.access.update(change)

    def _look(self, page: Page, now: float) -> None:
        """See what others did; bury the dead; tell that we live where that was long ago."""
        self._bury_the_dead(page, now)
        self._see(page, now)
        mine, lease_ends = self._sight.mine, self._sight.lease_ends
        if mine > self._mine:
            # An exception came in between once, or the page came in place of another.
            page.settle(mine - self._mine, self._me, now, now + GRACE + self._span)
            self._see(page, now)
        elif mine < self._mine or lease_ends - self._span - LEASE / 2 <= now:
            page.renew(self._mine, self._me, now, now + LEASE + self._span)
            self._see(page, now)

    def _bury_the_dead(self, page: Page, now: float) -> None:
        if now < self._buried_at + self._look_every / 2:
            return
        self._buried_at = now
        for holder in page.others_holding(self._me, now):
            if not is_alive(holder):
                page.bury(holder, now + GRACE + self._span)

    def _see(self, page: Page, now: float) -> None:
        """Take in how things stand."""
        here = self._clock()
        self._ahead = now - here
        sight = self._sight = page.sight(self._me, now)
        next_back = min([*sight.counted, *sight.refused], default=inf)
        self._look_at = next_back - self._ahead + BACK_AFTER
        if sight.others:
            self._look_at = min(self._look_at, here + self._look_every)
        if self._refusals is not None:
            self._fresh_refusals += max(0, page.refused - self._refusals)
        self._refusals = page.refused
