"""A quota without a loop: a clock that is moved by hand, and places that send nothing."""

from __future__ import annotations

import math
from typing import Any

from aiocapdist import Quota
from aiocapdist.events import QuotaEvent
from aiocapdist.quota._core.fair_queue import Place
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.quota._core.scheduler import Scheduler


def scheduler(*args: Any, **options: Any) -> Scheduler:
    """Return the scheduler of a new quota of this process."""
    return scheduler_of(Quota(*args, **options))


class Clock:
    """Seconds, moved by hand. Once its loop has ended nobody may read it: trio's raises."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.ended = False

    def __call__(self) -> float:
        assert not self.ended
        return self.now


class Asking(Place):
    """A place that is queued while it has requests; it counts what was granted, in ``bursts``
    as it was handed out."""

    def __init__(self, quota: Scheduler, waiting: int = 0, *, patient: bool = False) -> None:
        super().__init__(patient=patient)
        self.quota = quota
        self.waiting = 0
        self.granted = 0
        self.bursts: list[int] = []
        self.ask(waiting)

    @property
    def length(self) -> int:
        return self.waiting

    def ask(self, n: int) -> None:
        """Queue ``n`` more requests."""
        self.waiting += n
        self._refresh()

    def grant(self, count: int, now: float) -> int:
        used = min(count, self.waiting)
        self.waiting -= used
        self.granted += used
        self.bursts.append(used)
        self._refresh()
        return used

    def _refresh(self) -> None:
        if self.waiting:
            self.quota.join(self)
        else:
            self.quota.leave(self)


class Watched:
    """A listener that keeps the events of a quota."""

    def __init__(self) -> None:
        self.events: list[QuotaEvent] = []

    def __call__(self, event: QuotaEvent) -> None:
        self.events.append(event)


def running(quota: Scheduler, now: float = 0.0) -> Clock:
    """Return the clock by which this quota runs from now on."""
    clock = Clock(now)
    quota.attach(clock, Watched())
    return clock


def run_out(quota: Scheduler, clock: Clock) -> None:
    """Let time pass, as the quota's task does, until nothing waits that time can help."""
    while (due := quota.next_due()) is not None:
        assert due < math.inf
        clock.now = max(clock.now, due)
        quota.pump()


def tokens(quota: Scheduler) -> tuple[int, int, int]:
    """Return the free, held and expiring tokens, after settling replies that were seen."""
    quota._settle()
    store = quota.store
    assert store.free + store.held + store.expiring == quota.limit
    return store.free, store.held, store.expiring
