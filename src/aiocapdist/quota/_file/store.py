"""The store of tokens that many processes of a machine share, in a ledger file.

What other processes did is seen when the file is read; in between, the latest view serves.
What cannot be written at the moment is pending, and written with the next update.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from math import inf
from pathlib import Path
from typing import ClassVar

import anyio
import anyio.to_thread

from ..._loop import Clock
from ...errors import QuotaUnavailable
from ...events import QuotaDegraded
from .._core.store import GRACE, BaseStore, Demand, estimate
from .ledger_file import LedgerFile
from .owner import boot_clock, is_alive, new_owner
from .section import Section
from .tokens import View
from .updater import Change, Updater

log = logging.getLogger("aiocapdist")

LEASE = 120.0
"""Seconds for which an owner may hold a token without renewing: far more than OpenD takes to
count. It ends what an owner holds whose process nobody can see."""
LOOK_EVERY = 1.0
"""Seconds at most between looks while others hold tokens: they may die, or release them.
A thirtieth of shorter periods, or too much would be missed."""
BACK_AFTER = 1e-6
"""Seconds later than need be, so that no rounding between two clocks makes us come too early."""
COLD = "recent use is not known, so nothing is granted"
CHECKS = 100  # while another process has the file locked
BETWEEN_CHECKS = 0.05


class FileStore(BaseStore):
    """The tokens of one call of one account, as one quota of this process sees them."""

    shared: ClassVar[bool] = True

    def __init__(
        self,
        path: Path,
        call: str,
        limit: int,
        period: float,
        margin: float,
        mode: int = 0o600,
    ) -> None:
        super().__init__()
        self.where = str(path)
        self.path = path
        self._limit = limit
        self._span = period + margin
        self._look_every = min(LOOK_EVERY, period / 30)
        self._sharing_pause = period / 3000  # others, if they wait, are awake by then
        span = self._span + GRACE
        of_call = (path, call, limit, period)
        new_file = partial(LedgerFile, *of_call, span=span, cold=LEASE + span, mode=mode)
        self.updater = Updater(new_file, self.clock)
        self.owner = new_owner()
        self._is_open = False
        self.mine = 0
        """Number of tokens that this quota holds, whatever the file says."""
        self._view = View(limit, 0, 0, [], [], inf)
        self._ahead = 0.0  # of the machine's clock, when that was seen
        self._look_at = -inf
        self._yielded = False  # just now, to owners that wait longer
        self._rejections: int | None = None  # of all processes, as far as is known
        self._fresh_rejections = 0
        self._reclaimed_at = -inf
        self._cold: tuple[float, QuotaDegraded] | None = None

    # ---- what the scheduler calls (see _core/store.py)

    @property
    def free(self) -> int:
        return self._view.free

    @property
    def held(self) -> int:
        return self._view.mine + self._view.others

    @property
    def expiring(self) -> int:
        return len(self._view.counted) + len(self._view.rejected)

    @property
    def next_back(self) -> float:
        return self.updater.retry_at if self.updater.paused else self._look_at

    @property
    def next_duty(self) -> float:
        """When to renew the lease, to write what is pending, or to tell that a wait is over."""
        renew_at = self._view.lease_ends - self._span - LEASE / 2
        cold_until = self.updater.file.cold_until
        if cold_until > boot_clock():
            renew_at = min(renew_at, cold_until)
        # In trouble too: calls may end at once until it is seen to be over.
        urgent = self.updater.has_pending or self.updater.trouble is not None
        due = -inf if urgent else renew_at - self._ahead
        return max(due, self.updater.retry_at) if self.updater.paused else due

    @property
    def trouble(self) -> QuotaUnavailable | None:
        return self.updater.trouble

    @property
    def degraded(self) -> QuotaDegraded | None:
        trouble, cold_until = self.updater.trouble, self.updater.file.cold_until
        if trouble is not None:
            return QuotaDegraded.model_construct(reason=trouble.reason, fallback=0)
        left = cold_until - boot_clock()
        if left <= 0:
            return None
        if self._cold is None or self._cold[0] != cold_until:
            reason = f"{COLD} for {left:.0f} s"
            self._cold = cold_until, QuotaDegraded.model_construct(reason=reason, fallback=0)
        return self._cold[1]

    def usable(self, ceiling: int) -> int:
        return 0 if self.updater.paused else self._view.usable(ceiling)

    def acquire(self, count: int = 1, ceiling: int | None = None, leave: int = 0) -> int:
        acquired = 0

        def change(section: Section, now: float) -> None:
            nonlocal acquired
            self._see(section, now)
            usable = self.usable(self._limit if ceiling is None else ceiling)
            acquired = self._share(section, now, min(count, usable, self.free - leave))
            if acquired:
                until = now + LEASE + self._span
                section.acquire(acquired, self.owner, now, until)
                self._view = self._view.having_acquired(acquired, until)

        if not self._update(change):
            return 0
        self.mine += acquired
        return acquired

    def release(self, count: int = 1) -> None:
        self.mine -= count
        self._write(lambda section, _: section.release(count, self.owner))

    def settle(self, count: int, now: float, *, grace: float = 0.0, rejected: bool = False) -> None:
        self.mine -= count
        until = now + boot_clock() - self.clock() + grace + self._span

        def change(section: Section, now: float) -> None:
            section.settle(count, self.owner, now, until, rejected=rejected)
            if rejected and self._rejections is not None:
                self._rejections += count  # the scheduler knows of its own

        self._write(change)

    def advance(self, now: float) -> None:
        self.updater.resume(now)
        self._update(self._look)

    def demand(self, demand: Demand) -> None:
        """Tell the others that somebody waits here: they leave it a share."""
        if not demand.eager + demand.patient:
            return
        back = self._look_at - self.clock()
        back = 0.0 if back == inf else max(0.0, back)

        def change(section: Section, now: float) -> None:
            if section.waiting.get(self.owner.instance, 0.0) <= now + back:
                section.wait(self.owner, now, now + back + 2 * LOOK_EVERY)

        self._update(change)

    def fresh_rejections(self) -> int:
        fresh, self._fresh_rejections = self._fresh_rejections, 0
        return fresh

    def available(self, now: float, ceiling: int) -> int:
        view = self._peek()
        return 0 if view is None else view.usable(ceiling)

    def eta(self, n: int, now: float, ceiling: int) -> float:
        view = self._peek()
        if view is None:
            return inf
        now += boot_clock() - self.clock() - BACK_AFTER
        rows = view.rows(now, self._span)
        counted = self._limit - len(view.rejected)
        return estimate(n, now, ceiling=ceiling, span=self._span, counted=counted, rows=rows)

    def shift(self, seconds: float) -> None:
        self._ahead -= seconds
        self._look_at += seconds
        self.updater.shift(seconds)

    def change_clock(self, clock: Clock) -> float:
        self.updater.clock = clock
        return super().change_clock(clock)

    async def check(self) -> None:
        if self._is_open:
            return  # events tell what becomes of it
        for _ in range(CHECKS):
            # In a thread, as the file may have to be fetched from a disk.
            if (checked := await anyio.to_thread.run_sync(self.updater.check)) is not None:
                self.adopt(checked)
                return
            await anyio.sleep(BETWEEN_CHECKS)
        raise self.updater.file.locked()

    def adopt(self, checked: LedgerFile) -> None:
        """Learn what a check of the file has found."""
        section = self.updater.file.adopt(checked)
        if section is not None:
            self._rejections = section.rejections

    def open(self, on_change: Callable[[], None]) -> None:
        self._is_open = True

    def close(self) -> None:
        self._is_open = False
        self.updater.close(self._look)

    def abandon(self, now: float) -> None:
        if self.mine:
            self.settle(self.mine, now, grace=GRACE)
        self.close()

    def after_fork(self, now: float) -> None:
        self.owner = new_owner()
        self.mine = 0
        self._is_open = False
        self.updater.after_fork()

    # ---- internals

    def _share(self, section: Section, now: float, wanted: int) -> int:
        """Return how many of the wanted tokens to take while other owners wait as well."""
        others, before = section.others_waiting(self.owner, now)
        if self._yielded:
            before = 0  # they did not want it, or cannot have it
        share = min(-(-self.free // (1 + others)), self.free - before)
        acquired = max(0, min(wanted, share))
        if self._fresh_rejections:
            acquired = 0  # the scheduler must know of them first
        self._yielded = before > 0 and acquired == 0 < wanted
        if acquired < wanted:
            self.updater.pause(self._sharing_pause)
        return acquired

    def _write(self, change: Change) -> None:
        """Make this change now, or as soon as possible."""
        self.updater.add_pending(change)
        self._update(self._look)

    def _update(self, change: Change) -> bool:
        """Read and modify the section. False if not now; retry soon."""
        return self.updater.update(change)

    def _look(self, section: Section, now: float) -> None:
        """Read other processes' tokens, reclaim those of dead ones, renew our lease."""
        self._reclaim(section, now)
        self._see(section, now)
        mine, lease_ends = self._view.mine, self._view.lease_ends
        if mine > self.mine:
            # An exception came in between once, or the file came in place of another.
            section.settle(mine - self.mine, self.owner, now, now + GRACE + self._span)
            self._see(section, now)
        elif mine < self.mine or lease_ends - self._span - LEASE / 2 <= now:
            section.renew(self.mine, self.owner, now, now + LEASE + self._span)
            self._see(section, now)

    def _reclaim(self, section: Section, now: float) -> None:
        """Let the tokens of dead processes expire."""
        if now < self._reclaimed_at + self._look_every / 2:
            return
        self._reclaimed_at = now
        for owner in section.other_owners(self.owner, now):
            if not is_alive(owner):
                section.reclaim(owner, now + GRACE + self._span)

    def _see(self, section: Section, now: float) -> None:
        """Note how the tokens stand."""
        here = self.clock()
        self._ahead = now - here
        view = self._view = section.view(self.owner, now)
        next_back = min([*view.counted, *view.rejected], default=inf)
        self._look_at = next_back - self._ahead + BACK_AFTER
        if view.others:
            self._look_at = min(self._look_at, here + self._look_every)
        if self._rejections is not None:
            self._fresh_rejections += max(0, section.rejections - self._rejections)
        self._rejections = section.rejections

    def _peek(self) -> View | None:
        """Return how the tokens stand now, without a lock; None if that cannot be read."""
        section = self.updater.file.peek()
        return None if section is None else section.view(self.owner, boot_clock())
