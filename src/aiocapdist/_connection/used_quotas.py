"""The quotas that a gateway's requests count under, and for how long each was out of reach."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from math import inf
from typing import TYPE_CHECKING

from .._loop import Clock, Ticker
from ..errors import QuotaUnavailable
from ..quota._core.scheduler import Scheduler
from .hub import run_all

if TYPE_CHECKING:
    from ..events import QuotaEvent

log = logging.getLogger("aiocapdist")


class UsedQuotas:
    """Attaches a client to quotas, and passes their events on to ``publish``.

    ``on_overdue`` is called when the file or server of one of them has been out of reach for
    ``timeout`` seconds, None means forever; ``on_restored`` when one is back after that. A quota
    that is merely not known to be unspent says when it can be used, and is waited for.
    """

    def __init__(
        self,
        clock: Clock,
        timeout: float | None,
        publish: Callable[[QuotaEvent], None],
        on_overdue: Callable[[], None],
        on_restored: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._timeout = timeout
        self._publish = publish
        self._on_overdue = on_overdue
        self._on_restored = on_restored
        self._restored = False  # and not yet told
        self._used: dict[Scheduler, _UsedQuota] = {}
        self._ticker = Ticker(clock, self._due, self._tick)

    def __iter__(self) -> Iterator[Scheduler]:
        return iter(self._used)

    def __contains__(self, scheduler: object) -> bool:
        return scheduler in self._used

    async def run(self) -> None:
        """Watch the clock until cancelled."""
        await self._ticker.run()

    def add(self, scheduler: Scheduler) -> None:
        """Begin to use a quota. Raises QuotaUnavailable as :meth:`Scheduler.attach` does."""
        self._used[scheduler] = used = _UsedQuota(scheduler, self._heard)
        try:
            scheduler.attach(self._clock, used)
        except BaseException:
            del self._used[scheduler]
            raise

    def detach_all(self) -> None:
        """End using all of them. Repeatable."""
        run_all([used.detach for used in self._used.values()])

    def error_for(self, quota: object) -> QuotaUnavailable | None:
        """Return what calls under this quota end with at once; None while they may wait."""
        used = self._used.get(quota)  # type: ignore[call-overload]
        return used.error if used is not None and used.scheduler.trouble is not None else None

    def _heard(self, used: _UsedQuota, event: QuotaEvent) -> None:
        """Pass an event on. The quota may have been lost, or be back."""
        self._publish(event)
        if used.scheduler.trouble is None:
            if used.error is not None:
                self._restored = True
                self._ticker.poke(-inf)
            used.since = used.error = None
        elif used.since is None:
            used.since = self._clock()
            if self._timeout is not None:
                self._ticker.poke(used.since + self._timeout)

    def _waited_for(self) -> Iterator[tuple[float, _UsedQuota]]:
        """Yield quotas that are out of reach, with when calls stop waiting for them."""
        for used in self._used.values():
            if used.since is not None and used.error is None and self._timeout is not None:
                yield used.since + self._timeout, used

    def _due(self) -> float | None:
        if self._restored:
            return -inf
        return min((due for due, _ in self._waited_for()), default=None)

    def _tick(self) -> None:
        if self._restored:
            self._restored = False
            self._on_restored()
        now = self._clock()
        overdue = [used for due, used in self._waited_for() if due <= now]
        for used in overdue:
            used.expire(self._timeout)
        if overdue:
            self._on_overdue()


class _UsedQuota:
    """One quota, as its listener, and since when it is out of reach."""

    def __init__(
        self, scheduler: Scheduler, heard: Callable[[_UsedQuota, QuotaEvent], None]
    ) -> None:
        self.scheduler = scheduler
        self._heard = heard
        self.since: float | None = None
        self.error: QuotaUnavailable | None = None

    def __call__(self, event: QuotaEvent) -> None:
        self._heard(self, event)

    def expire(self, timeout: float | None) -> None:
        """End calls at once from now on: they have waited for ``timeout`` seconds."""
        trouble = self.scheduler.trouble
        if trouble is None:
            self.since = None
            return
        reason = f"it has been out of reach for {timeout:g} s ({trouble.reason})"
        self.error = QuotaUnavailable(trouble.where, reason, trouble.hint)
        self.error.__cause__ = trouble
        log.warning("calls end with QuotaUnavailable until it is back: %s", self.error)

    def detach(self) -> None:
        self.scheduler.detach(self)  # which knows whether it is attached
