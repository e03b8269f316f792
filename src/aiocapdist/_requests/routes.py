"""Routes: gateways, each with the quota that limits it."""

from __future__ import annotations

from collections.abc import Sequence, Sized

from .._protocol.encoders import CapitalDistributionEncoder
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


class Routes:
    """Routes to choose from. Those that are connected are found again by :meth:`refresh`."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._all = routes
        self._turn = 0
        self.refresh()

    def refresh(self) -> None:
        """Find the open routes, after a connection became ready or was lost."""
        self.open: list[Route] = []
        self._flights: list[Sized] = []
        for route in self._all:
            connection = route.link.connection
            if connection is not None:
                self.open.append(route)
                self._flights.append(connection.flights)

    def least_loaded(self, failed: Route | None = None) -> Route | None:
        """Return the open route with the fewest requests in flight, but not ``failed``.

        Of several that are idle, the one that was used least; of others each in turn.
        """
        if failed is not None and failed in self.open:
            others = [route for route in self.open if route is not failed]
            return min(others, key=_load, default=None)
        if len(self.open) < 2:
            return self.open[0] if self.open else None
        loads = list(map(len, self._flights))  # in C: this is done for each call
        least = min(loads)
        if least == 0:
            idle = [route for route, load in zip(self.open, loads, strict=True) if load == 0]
            return min(idle, key=_calls)
        try:
            index = loads.index(least, self._turn)
        except ValueError:
            index = loads.index(least)
        self._turn = index + 1
        return self.open[index]

    def by_load(self) -> list[Route]:
        """Return the open routes, the least loaded first."""
        return sorted(self.open, key=_load)


def _load(route: Route) -> tuple[int, int]:
    connection = route.link.connection
    assert connection is not None
    return len(connection.flights), route.link.stats.calls


def _calls(route: Route) -> int:
    return route.link.stats.calls
