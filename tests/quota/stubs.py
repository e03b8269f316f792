"""A quota without a loop: a clock that is moved by hand, and lanes that send nothing."""

from __future__ import annotations

import math

from aiocapdist import Quota
from aiocapdist.events import Throttled, Unthrottled
from aiocapdist.quota._core.fair_queue import Place


class Clock:
    """Seconds, moved by hand. Once its loop has ended nobody may read it: trio's raises."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.ended = False

    def __call__(self) -> float:
        assert not self.ended
        return self.now


class Asking(Place):
    """A lane in the quota's line while it has something to ask; it counts what was granted,
    in ``bursts`` as it was handed out."""

    def __init__(self, quota: Quota, waiting: int = 0, *, patient: bool = False) -> None:
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
        """``n`` more wait."""
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
    """What a quota told its watcher."""

    def __init__(self) -> None:
        self.events: list[Throttled | Unthrottled] = []

    def __call__(self, event: Throttled | Unthrottled) -> None:
        self.events.append(event)


def running(quota: Quota, now: float = 0.0) -> Clock:
    """The clock by which this quota runs from now on."""
    clock = Clock(now)
    quota.attach(clock, Watched())
    return clock


def run_out(quota: Quota, clock: Clock) -> None:
    """Let time pass, as the quota's keeper does, until nothing waits that time can help."""
    while (due := quota._due()) is not None:
        assert due < math.inf
        clock.now = max(clock.now, due)
        quota.pump()


def tokens(quota: Quota) -> tuple[int, int, int]:
    """Free, held and cooling; a reply that was seen is settled at the latest now."""
    quota._settle()
    ledger = quota._ledger
    assert ledger.free + ledger.held + ledger.cooling == quota.limit
    return ledger.free, ledger.held, ledger.cooling
