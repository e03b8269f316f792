"""One quota for all processes of a machine, in a small file."""

from __future__ import annotations

import logging
import os
import sys
from math import inf
from pathlib import Path

import anyio
import anyio.to_thread

from ...errors import QuotaUnavailable
from ...events import QuotaDegraded, QuotaRestored
from .._core.quota import Quota, Watcher

log: logging.Logger = logging.getLogger("aiocapdist")

CHECKS = 100  # while another program has the file
BETWEEN_CHECKS = 0.05


class FileQuota(Quota):
    """A :class:`Quota` for any number of processes of one machine, which outlives them.

    All that name the same ``path`` share the tokens, and a process that starts knows what
    earlier ones spent. What was spent is written before it is sent. A process that dies at
    any moment frees no token early; others notice within a second, and a period later the
    last one is free. Processes stand in no common line, but while others wait none takes all,
    and a token alone is left to the one that waits longest. Needs Linux or macOS, and a local
    disk: for several machines there is ``RedisQuota``.

    The file is made when it is not there, a few KiB. Where it is deleted or moved away, those
    that use it go on in a new one, with what they knew. To begin anew, stop all that use it,
    wait a period and delete it. Times are of the machine's own clock since its start; after a
    restart of the machine a period is waited out at most.

    Raises ValueError as :class:`Quota` does. Connecting with it raises QuotaUnavailable where
    the file cannot be used, is no ledger, or is one with other numbers: it is left as it is. A
    ledger that is damaged is told in the log, and nothing is granted until all that may have
    been spent has cooled. Where the file can no longer be used later, calls wait, and
    QuotaDegraded and QuotaRestored tell (:class:`aiocapdist.events.QuotaDegraded`).
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        limit: int = 30,
        period: float = 30.0,
        *,
        reserve: int = 0,
        margin: float = 0.05,
    ) -> None:
        super().__init__(limit, period, reserve=reserve, margin=margin)
        refuse_windows(path)
        from .store import FileStore

        self.path: Path = Path(path).expanduser().absolute()
        """The ledger's file."""
        self._store = FileStore(self.path, limit, float(period), margin, self._now)
        self._ledger = self._store
        self._told: QuotaUnavailable | None = None  # what is wrong, as watchers know it

    @property
    def available(self) -> int:
        """Requests that could be sent now."""
        self._look()
        return super().available

    async def prepare(self) -> None:
        """Look at the file, and whether it can be shared. Repeatable, and safe to cancel.

        Raises QuotaUnavailable where it cannot be used, is none of ours, is for other
        numbers, or lies where processes of several machines reach it.
        """
        if self._users:
            return  # it is in use: events tell what becomes of it
        for _ in range(CHECKS):
            # In a thread, as it may have to be fetched from a disk.
            if await anyio.to_thread.run_sync(self._store.access.check):
                return
            await anyio.sleep(BETWEEN_CHECKS)
        raise self._store.access.locked()

    def detach(self, watcher: Watcher) -> None:
        super().detach(watcher)
        if self._users == 0:
            self._look()

    def pump(self) -> None:
        if self._pumping:
            return
        self._settle()  # the others know of no reply but from us
        if self._store.duty <= self._clock():
            self._store.advance(self._clock())
        super().pump()
        if self._line.lanes:
            self._store.wait()
        self._tell_of_trouble()
        if self._ticker is not None and (due := self._due()) is not None:
            self._ticker.poke(due)

    # ---- inside

    def _now(self) -> float:
        return self._clock()  # the clock of today: it is another one on another loop

    def _look(self) -> None:
        self._store.advance(self._clock())
        self._looked = True
        if self._users == 0:
            self._store.close()

    def _advance(self, now: float) -> None:
        super()._advance(now)
        for _ in range(min(self._store.fresh_refusals(), self.limit)):
            self._was_refused(now)

    def _due(self) -> float | None:
        due = super()._due()
        duty = self._store.duty
        if duty == inf:
            return due
        return duty if due is None else min(due, duty)

    def _eta(self, n: int) -> float:
        self._look()
        return super()._eta(n)

    def _tell_of_trouble(self) -> None:
        trouble, told = self._store.access.trouble, self._told
        if trouble is told:
            return
        self._told = trouble
        if trouble is None:
            self._tell(QuotaRestored())
        elif told is None or trouble.reason != told.reason:
            log.warning("%s; calls wait", trouble)
            self._tell(QuotaDegraded(reason=trouble.reason, fallback=0))


def refuse_windows(path: str | os.PathLike[str]) -> None:
    """Raises QuotaUnavailable there."""
    if sys.platform == "win32":
        raise QuotaUnavailable(
            str(path), "Windows has no lock of the kind it needs", "use RedisQuota there"
        )
