"""Tokens that a server lends: how one holder uses them, and what it has yet to tell. Pure.

A lease is asked for by a name of the holder's own making. It is *in the pocket* from the
server's answer until a request takes it, *held* from then until that request can no longer be
counted, and *settled* from then on. Whatever the holder has to tell is kept until the server
is known to have heard it, and may be told twice.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from .._core.store import GRACE, estimate
from .errand import Answer, Errand, Settled, Terms, Wish

RENEW = 1 / 3  # of a lease: two renewals may fail before it ends


class Leases:
    """The store of one holder. ``fallback`` tokens are its own while the server is away.

    ``on_news`` is called when there is something to tell the server.
    """

    def __init__(self, terms: Terms, fallback: int, on_news: Callable[[], None]) -> None:
        self.limit = terms.limit
        self.next_back: float = inf
        self.holder = ""
        """Whose leases they are: a name that nobody else has."""
        self._terms = terms
        self._fallback = fallback
        self._on_news = on_news
        self._named = 0
        # By name, until when each may be used: then the server takes its holder for dead.
        self._pocket: dict[str, float] = {}
        self._held: dict[str, float] = {}
        self._settled: dict[str, Settled] = {}
        self._unused: list[str] = []
        # When each lease that the server knows of is back, as far as was heard.
        self._counted: list[float] = []
        self._refused: list[float] = []
        self._away = True  # until something was heard
        self._alone_from = inf
        self._alone = False

    # ---- the store (see quota/store.py)

    @property
    def free(self) -> int:
        """Tokens that nobody is known to have taken. Asked for, they may turn out to be."""
        if self._alone:
            return max(0, self._fallback - len(self._held) - len(self._settled))
        if self._away:
            return 0
        mine = len(self._pocket) + len(self._held)
        known = max(mine, len(self._counted) + len(self._refused))
        return max(0, self.limit - known) + len(self._pocket)

    @property
    def held(self) -> int:
        return len(self._held)

    @property
    def cooling(self) -> int:
        """All that is neither free nor held here."""
        return self.limit - self.free - len(self._held)

    def usable(self, ceiling: int) -> int:
        if self._alone:
            cooling = sum(not lease.refused for lease in self._settled.values())
            spent = len(self._held) + cooling
        else:
            spent = len(self._counted) - len(self._pocket)
        return max(0, min(self.free, ceiling - spent))

    def take(self, count: int = 1, ceiling: int | None = None, leave: int = 0) -> int:
        if self._alone:
            count = min(count, max(0, self.free - leave))
            self._held.update(dict.fromkeys(self._names(count), inf))
        else:
            count = min(count, len(self._pocket))
            self._held.update([self._pocket.popitem() for _ in range(count)])
        return count

    def put_back(self, count: int = 1) -> None:
        for _ in range(count):
            name, until = self._held.popitem()
            if until < inf:  # else the server has never heard of it
                self._pocket[name] = until
        self._changed()

    def settle(self, count: int, now: float, *, grace: float = 0.0, refused: bool = False) -> None:
        back_at = now + grace + self._terms.cooldown
        for _ in range(count):
            name, _ = self._held.popitem()
            self._settled[name] = Settled(name, back_at, refused)
        self._changed()

    def advance(self, now: float) -> None:
        self._counted = [back for back in self._counted if back > now]
        self._refused = [back for back in self._refused if back > now]
        for name in [name for name, until in self._pocket.items() if until <= now]:
            del self._pocket[name]
            self._unused.append(name)
        if self._away:
            for lease in [lease for lease in self._settled.values() if lease.back_at <= now]:
                del self._settled[lease.name]  # no news any more: it would be forgotten at once
            self._alone = now >= self._alone_from
        self._look_ahead()

    def eta(self, n: int, now: float, ceiling: int) -> float:
        """As far as was heard; ``inf`` while the server is away."""
        span = self._terms.cooldown
        if self._alone:
            ceiling = min(ceiling, self._fallback)
            settled = self._settled.values()
            counted = [lease.back_at for lease in settled if not lease.refused]
            counted += [now + span] * len(self._held)
            refused = [lease.back_at for lease in settled if lease.refused]
        elif self._away:
            return inf
        else:
            counted, refused = self._counted, self._refused
        counted = counted + [now] * self.free
        return estimate(n, now, ceiling=ceiling, span=span, counted=counted, refused=refused)

    def shift(self, seconds: float) -> None:
        for leases in (self._pocket, self._held):
            for name in leases:
                leases[name] += seconds
        for name, lease in self._settled.items():
            self._settled[name] = lease._replace(back_at=lease.back_at + seconds)
        self._counted = [back + seconds for back in self._counted]
        self._refused = [back + seconds for back in self._refused]
        self._alone_from += seconds
        self._look_ahead()

    # ---- exchanges with the server

    @property
    def renew_at(self) -> float:
        """When the server has to be told that what is held is held still."""
        return min(self._held.values(), default=inf) - self._terms.lease * (1 - RENEW)

    @property
    def pocket(self) -> int:
        """How many can be used at once."""
        return len(self._pocket)

    @property
    def has_news(self) -> bool:
        """Whether there is something to tell; what nobody used goes back at once."""
        return bool(self._settled or self._unused or self._pocket)

    def errand(self, now: float, wish: Wish) -> Errand:
        """All there is to tell, and what is wanted. It must then succeed or fail."""
        self._unused += self._pocket
        self._pocket.clear()
        return Errand(
            at=now,
            holder=self.holder,
            settled=tuple(self._settled.values()),
            unused=tuple(self._unused),
            renewed=tuple(self._held),
            names=self._names(wish.total),
            wish=wish,
        )

    def succeeded(self, errand: Errand, answer: Answer, now: float) -> None:
        """The server did it, and said this."""
        until = errand.at + self._terms.lease
        for lease in errand.settled:
            self._settled.pop(lease.name, None)
        del self._unused[: len(errand.unused)]
        self._held.update((name, until) for name in errand.renewed if name in self._held)
        self._pocket.update((name, until) for name in errand.names[: answer.granted])
        self._counted = sorted(now + left for left in answer.counted)
        self._refused = sorted(now + left for left in answer.refused)
        self._away = self._alone = False
        self._alone_from = inf
        self._look_ahead()

    def failed(self, errand: Errand) -> None:
        """Nobody knows what the server did of it: what it may have granted is not used."""
        self._unused += errand.names

    def last_errand(self, now: float) -> Errand:
        """All there is to tell by one who goes: what is held is taken to be lost now."""
        back_at = now + GRACE + self._terms.cooldown
        lost = [Settled(name, back_at, refused=False) for name in self._held]
        return Errand(
            at=now,
            holder=self.holder,
            settled=(*self._settled.values(), *lost),
            unused=(*self._unused, *self._pocket),
        )

    def lose_sight(self, now: float) -> None:
        """The server is away. What may be used alone, may be so when all else has cooled."""
        self._unused += self._pocket
        self._pocket.clear()
        if self._fallback and self._alone_from == inf:
            self._alone_from = now + self._terms.longest
        self._away = True
        self._look_ahead()

    # ---- inside

    def _names(self, count: int) -> tuple[str, ...]:
        first = self._named
        self._named += count
        return tuple(f"{self.holder}.{n}" for n in range(first, self._named))

    def _changed(self) -> None:
        self._look_ahead()
        self._on_news()

    def _look_ahead(self) -> None:
        times = [*self._counted[:1], *self._refused[:1], *self._pocket.values()]
        if self._away:
            times += [lease.back_at for lease in self._settled.values()]
            if not self._alone:
                times.append(self._alone_from)
        self.next_back = min(times, default=inf)
