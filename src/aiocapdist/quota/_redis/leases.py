"""Tokens that a server lends: how one owner uses them, and what it has yet to report. Pure.

A lease is asked for by a name of the owner's own making. It is *unspent* from the server's
reply until a request takes it, *held* from then until that request can no longer be counted,
and *settled* from then on. What the owner has to report is kept until the server is known to
have heard it, and may be reported twice.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from heapq import merge
from math import inf
from typing import ClassVar

from .._core.store import GRACE, BaseStore, Row, estimate
from .exchange import Grant, Report, Settled, Terms, TokenRequest

RENEW = 1 / 3  # of a lease: two renewals may fail before it ends


class Leases(BaseStore):
    """The tokens of one owner. It may use ``fallback`` of them while the server is away.

    ``on_news`` is called when there is something to report.
    """

    shared: ClassVar[bool] = True

    def __init__(self, terms: Terms, fallback: int, on_news: Callable[[], None]) -> None:
        super().__init__()
        self.limit = terms.limit
        self.next_back: float = inf
        self.owner = ""
        """Whose leases they are: a name that no other owner has."""
        self._terms = terms
        self._fallback = fallback
        self._on_news = on_news
        self._named = 0
        # By name, until when each may be used: then the server takes its owner for dead.
        self._unspent: dict[str, float] = {}
        self._held: dict[str, float] = {}
        self._settled: dict[str, Settled] = {}
        self._unused: list[str] = []
        # When each lease that the server knows of is free, as last heard.
        self._counted: list[float] = []
        self._rejected: list[float] = []
        self._away = True  # until the server was heard
        self.heard: int = 0
        """Number of the latest exchange."""
        self._assume_idle = False
        self._alone_from = inf
        self._alone = False

    # ---- the store (see _core/store.py)

    @property
    def free(self) -> int:
        """Tokens that no owner is known to have. The server may know better."""
        if self._alone:
            return max(0, self._fallback - len(self._held) - len(self._settled))
        if self._away:
            return 0
        mine = len(self._unspent) + len(self._held)
        known = max(mine, len(self._counted) + len(self._rejected))
        return max(0, self.limit - known) + len(self._unspent)

    @property
    def held(self) -> int:
        return len(self._held)

    @property
    def mine(self) -> int:
        return len(self._held)

    @property
    def expiring(self) -> int:
        """All that is neither free nor held here."""
        return self.limit - self.free - len(self._held)

    def usable(self, ceiling: int) -> int:
        if self._alone:
            expiring = sum(not lease.rejected for lease in self._settled.values())
            spent = len(self._held) + expiring
        else:
            spent = len(self._counted) - len(self._unspent)
        return max(0, min(self.free, ceiling - spent))

    def acquire(self, count: int = 1, ceiling: int | None = None, leave: int = 0) -> int:
        if self._alone:
            count = min(count, max(0, self.free - leave))
            self._held.update(dict.fromkeys(self._names(count), inf))
        else:
            count = min(count, len(self._unspent))
            self._held.update([self._unspent.popitem() for _ in range(count)])
        return count

    def release(self, count: int = 1) -> None:
        for _ in range(count):
            name, until = self._held.popitem()
            if until < inf:  # else the server has never heard of it
                self._unspent[name] = until
        self._changed()

    def settle(self, count: int, now: float, *, grace: float = 0.0, rejected: bool = False) -> None:
        back_at = now + grace + self._terms.expiry
        for _ in range(count):
            name, _ = self._held.popitem()
            self._settled[name] = Settled(name, back_at, rejected)
        self._changed()

    def advance(self, now: float) -> None:
        # Nothing is changed in place: see available().
        self._counted = [back_at for back_at in self._counted if back_at > now]
        self._rejected = [back_at for back_at in self._rejected if back_at > now]
        ended = [name for name, until in self._unspent.items() if until <= now]
        self._unused = self._unused + ended
        self._unspent = {name: end for name, end in self._unspent.items() if end > now}
        if self._away:
            # No news any more: the server would forget it at once.
            settled = self._settled.items()
            self._settled = {name: lease for name, lease in settled if lease.back_at > now}
            self._alone = now >= self._alone_from
        self._look_ahead()

    def available(self, now: float, ceiling: int) -> int:
        later = copy.copy(self)  # looking changes nothing here
        later.advance(now)
        return later.usable(ceiling)

    def eta(self, n: int, now: float, ceiling: int) -> float:
        """As far as was heard; ``inf`` while the server is away."""
        span = self._terms.expiry
        held: Row = (now + span, 0, False)
        counted, rejected = self._counted, self._rejected
        if self._alone:
            ceiling = min(ceiling, self._fallback)
            settled = self._settled.values()
            counted = sorted(lease.back_at for lease in settled if not lease.rejected)
            rejected = sorted(lease.back_at for lease in settled if lease.rejected)
            held = (now + span, len(self._held), False)
        elif self._away:
            return inf
        rows = merge(
            [(now, self.free, False)],
            ((back_at, 1, False) for back_at in counted),
            ((back_at, 1, True) for back_at in rejected),
            [held],
        )
        total = self.free + len(counted) + held[1]
        return estimate(n, now, ceiling=ceiling, span=span, counted=total, rows=rows)

    def shift(self, seconds: float) -> None:
        for leases in (self._unspent, self._held):
            for name in leases:
                leases[name] += seconds
        for name, lease in self._settled.items():
            self._settled[name] = lease._replace(back_at=lease.back_at + seconds)
        self._counted = [back_at + seconds for back_at in self._counted]
        self._rejected = [back_at + seconds for back_at in self._rejected]
        self._alone_from += seconds
        self._look_ahead()

    def abandon(self, now: float) -> None:
        self.settle(len(self._held), now, grace=GRACE)

    def after_fork(self, now: float) -> None:
        # The parent goes on with these leases, and reports on them.
        self._unspent, self._held, self._settled, self._unused = {}, {}, {}, []
        self._look_ahead()

    # ---- exchanges with the server

    @property
    def renew_at(self) -> float:
        """When the server has to hear that what is held is still held."""
        return min(self._held.values(), default=inf) - self._terms.lease * (1 - RENEW)

    @property
    def unspent(self) -> int:
        """Number of leases that can be used at once."""
        return len(self._unspent)

    @property
    def has_news(self) -> bool:
        """True if there is something to report; a lease that is not used goes back at once."""
        return bool(self._settled or self._unused or self._unspent)

    def report(self, now: float, wanted: TokenRequest) -> Report:
        """Build a report with all news. It must then succeed or fail."""
        self._unused += self._unspent
        self._unspent.clear()
        return Report(
            at=now,
            owner=self.owner,
            settled=tuple(self._settled.values()),
            unused=tuple(self._unused),
            renewed=tuple(self._held),
            names=self._names(wanted.total),
            wanted=wanted,
            heard=self.heard,
            idle=self._assume_idle,
        )

    def succeeded(self, report: Report, grant: Grant, now: float) -> None:
        """The server has done it, and granted this."""
        until = report.at + self._terms.lease
        self.heard = grant.number
        for lease in report.settled:
            self._settled.pop(lease.name, None)
        del self._unused[: len(report.unused)]
        self._held.update((name, until) for name in report.renewed if name in self._held)
        self._unspent.update((name, until) for name in report.names[: grant.granted])
        self._counted = sorted(now + left for left in grant.counted)
        self._rejected = sorted(now + left for left in grant.rejected)
        self._away = self._alone = self._assume_idle = False
        self._alone_from = inf
        self._look_ahead()

    def failed(self, report: Report) -> None:
        """The exchange failed; assume that the server did it and its grants are lost."""
        self._unused += report.names

    def final_report(self, now: float) -> Report:
        """Build the last report: counts all held tokens as lost now."""
        back_at = now + GRACE + self._terms.expiry
        lost = [Settled(name, back_at, rejected=False) for name in self._held]
        return Report(
            at=now,
            owner=self.owner,
            settled=(*self._settled.values(), *lost),
            unused=(*self._unused, *self._unspent),
            heard=self.heard,
        )

    def lose_server(self, now: float) -> None:
        """The server is away. The fallback may be used once all else has expired."""
        self._unused += self._unspent
        self._unspent.clear()
        if self._fallback and self._alone_from == inf:
            self._alone_from = now + self._terms.longest
        self._away = True
        self._look_ahead()

    # ---- internals

    def _names(self, count: int) -> tuple[str, ...]:
        first = self._named
        self._named += count
        return tuple(f"{self.owner}.{n}" for n in range(first, self._named))

    def _changed(self) -> None:
        self._look_ahead()
        self._on_news()

    def _look_ahead(self) -> None:
        times = [*self._counted[:1], *self._rejected[:1], *self._unspent.values()]
        if self._away:
            times += [lease.back_at for lease in self._settled.values()]
            if not self._alone:
                times.append(self._alone_from)
        self.next_back = min(times, default=inf)
