"""What clients do with a quota: begin to use it, queue, get tokens, and end."""

from __future__ import annotations

import logging
import time

import anyio

from ..._loop import Clock, Ticker
from ...errors import QuotaUnavailable
from .granter import Granter
from .loops import LoopBinding, call_after_fork
from .reports import Listener, Reports
from .store import Store

log = logging.getLogger("aiocapdist")

FORKED = (
    "a Quota that was in use before a fork counts for each process alone: "
    "FileQuota is for several processes"
)


class Scheduler(Granter):
    """The one object behind a quota that clients use.

    A client calls :meth:`prepare`, then :meth:`attach`, runs :meth:`run` in a task, and calls
    :meth:`detach` when it is done. In between its places :meth:`join` and :meth:`leave` the
    queue, and :meth:`pump` grants them tokens.
    """

    def __init__(
        self, store: Store, limit: int, period: float, *, reserve: int, margin: float
    ) -> None:
        super().__init__(store, limit, period, reserve=reserve, margin=margin)
        self._run_lock = anyio.Lock()
        self._loop = LoopBinding()  # of the clients that are attached
        self._ahead = 0.0  # of the clock of that loop, when it began to be used
        self._was_forked = False  # while in use, and nobody was told
        call_after_fork(self)

    @property
    def listeners(self) -> list[Listener]:
        """One for each client that is attached."""
        return self.reports.listeners

    @property
    def trouble(self) -> QuotaUnavailable | None:
        """Why no token can be had, for how long is not known; None while tokens come."""
        return self.store.trouble

    # ---- a client's life

    async def prepare(self) -> None:
        """Make sure that the tokens can be reached, before :meth:`attach`. Repeatable.

        Raises QuotaUnavailable if they cannot be, or are not of this kind. Cancelling is safe.
        """
        self._check_loop()
        await self.store.check()

    def bind_account(self, login_user_id: int | None) -> None:
        """Learn whose account a client uses; None if OpenD does not tell.

        Raises QuotaUnavailable if this quota cannot count for that account.
        """
        self.store.bind_account(login_user_id)

    def attach(self, clock: Clock, listener: Listener) -> None:
        """Begin to use the quota, on the event loop that ``clock`` belongs to.

        Raises QuotaUnavailable while clients on another event loop use it.
        """
        self._check_loop()
        if not self.listeners:
            self._change_clock(clock)
            self._ahead = clock() - time.monotonic()
            self._loop = LoopBinding()
            self._ticker = Ticker(clock, self.next_due, self.pump)
            self._run_lock = anyio.Lock()
            self.store.open(self.pump)
        self.reports.degraded(self.store.degraded)
        self.reports.add(listener)

    def detach(self, listener: Listener) -> None:
        """End using the quota. What was spent keeps expiring."""
        if listener not in self.listeners:
            return  # it was dropped: see _drop_clients
        self.listeners.remove(listener)
        if not self.listeners:
            self._settle()
            if mine := self.store.mine:
                self.lost(mine)  # an interrupt struck while its requests were settled
            # The loop may end now, and trio's clock can only be read within it.
            self._change_clock(time.monotonic)
            self.store.close()

    async def run(self) -> None:
        """Grant tokens as they come back, until cancelled.

        Each client runs this, and one of them at a time does the work.
        """
        lock, ticker = self._run_lock, self._ticker
        assert ticker is not None
        await lock.acquire()
        try:
            await self.store.run(ticker.run)
        finally:
            # Not if this is collected after its event loop has ended, or in a forked child.
            if lock is self._run_lock and self._loop.is_current:
                try:
                    await self.store.stop(last=len(self.listeners) <= 1)
                finally:
                    lock.release()

    # ---- clients that are gone

    def after_fork(self) -> None:
        """Start over in a forked child: what is in use belongs to the parent's clients."""
        self._was_forked = not self._shared and bool(
            self.listeners or self.store.held or self.store.expiring
        )
        self.unsettled = 0
        self._leave_loop()
        self.store.after_fork(self._clock())
        self._drop_clients()

    def _check_loop(self) -> None:
        """Raise QuotaUnavailable if clients on another event loop use the quota."""
        if self._was_forked:
            self._was_forked = False
            log.warning(FORKED)
        if self.in_use_elsewhere:
            raise QuotaUnavailable(
                self.store.where,
                "clients on another event loop use it",
                "make a quota for each event loop: two of FileQuota may share one path",
            )

    @property
    def in_use_elsewhere(self) -> bool:
        """True while clients on another event loop use the quota."""
        self._drop_if_ended()
        return bool(self.listeners) and not self._loop.is_current

    def _drop_if_ended(self) -> None:
        """Drop clients whose event loop has ended without closing them."""
        if self.listeners and not self._loop.is_current and self._loop.has_ended:
            self._leave_loop()
            self.store.abandon(self._clock())
            self._drop_clients()

    def _look(self) -> float:
        self._drop_if_ended()
        return super()._look()

    def _drop_clients(self) -> None:
        for place in list(self.queue.places):
            self.queue.leave(place)
        self.reports: Reports = Reports()
        self.unsettled: int = 0
        self._pumping = False
        self._ticker = None
        self._run_lock = anyio.Lock()
        self._has_orphans = True

    def _leave_loop(self) -> None:
        """Change to the process's own clock: that of an ended loop may not be readable."""
        if self.listeners:
            ahead = self._ahead
            self.store.clock = lambda: time.monotonic() + ahead
            self._change_clock(time.monotonic)

    def _change_clock(self, clock: Clock) -> None:
        """Carry all times over to another loop's clock, which may count from elsewhere."""
        self._settle()
        self.ceiling.shift(self.store.change_clock(clock))
        self._clock = clock
