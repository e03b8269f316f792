"""Routes: gateways, each with the quota that limits it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence, Sized
from typing import TYPE_CHECKING

from .._protocol.encoders import CapitalDistributionEncoder

if TYPE_CHECKING:
    from .interfaces import Link, TokenSource


class Route:
    """One gateway and the quota that limits it."""

    __slots__ = ("encoder", "link", "name", "quota")

    def __init__(
        self,
        name: str | None,
        link: Link,
        quota: TokenSource,
        encoder: CapitalDistributionEncoder,
    ) -> None:
        self.name: str | None = name
        """The gateway's name in a group; None for a single client."""
        self.link: Link = link
        self.quota: TokenSource = quota
        self.encoder: CapitalDistributionEncoder = encoder


MANY = 30
"""Requests in flight at each gateway from which on loads may differ by a fifth. A usual quota
allows no more. Of thousands of calls made at once, each gateway then gets several in a row, which
are beside each other in memory. With every 64th call for the same gateway, a tenth of the CPU time
was spent waiting for memory."""


class Routes:
    """Routes to choose from. Those that are connected are found again by :meth:`refresh`."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._all = routes
        self._turn = 0
        self._most = 0
        self._next: list[int] = []  # the last is the next
        self.refresh()

    def refresh(self) -> None:
        """Find the open routes, after a connection became ready or was lost."""
        self._falls = -1
        self.open: list[Route] = []
        self._flights: list[Sized] = []
        for route in self._all:
            connection = route.link.connection
            if connection is not None:
                self.open.append(route)
                self._flights.append(connection.flights)

    def least_loaded(self, failed: Route | None = None) -> Route | None:
        """Return the open route with the fewest requests in flight, but not ``failed``.

        Of several that are idle, the one that was used least; of others each in turn, several times
        where all have :data:`MANY`.
        """
        routes, following = self.open, self._next
        if failed is not None and failed in routes:
            others = [route for route in routes if route is not failed]
            return min(others, key=_load, default=None)
        if len(routes) < 2:
            return routes[0] if routes else None
        falls = routes[0].link.load_falls.count
        if falls != self._falls:
            self._falls = falls
            following = self._scan()
        while len(self._flights[following[-1]]) > self._most:
            self._turn = following.pop() + 1
            following = following or self._scan()
        return routes[following[-1]]

    def _scan(self) -> list[int]:
        """Find the routes with the least load: those to take, until the load of any falls."""
        loads = list(map(len, self._flights))  # in C: of single calls this is done for each
        least = min(loads)
        self._most = least + (least // 5 if least >= MANY else 0)
        found = [index for index, load in enumerate(loads) if load == least]
        if least == 0:
            found.sort(key=lambda index: _calls(self.open[index]))
        else:
            at = bisect_left(found, self._turn)
            found = found[at:] + found[:at]
        self._next = found[::-1]
        self._turn = found[0] + 1
        return self._next

    def by_load(self) -> list[Route]:
        """Return the open routes, the least loaded first."""
        return sorted(self.open, key=_load)


def _load(route: Route) -> tuple[int, int]:
    connection = route.link.connection
    assert connection is not None
    return len(connection.flights), route.link.stats.calls


def _calls(route: Route) -> int:
    return route.link.stats.calls
