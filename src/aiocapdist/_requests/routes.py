"""Routes, and a queue's places in the quotas that limit them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from .._protocol.encoders import CapitalDistributionEncoder
from ..quota._core.fair_queue import Place
from .interfaces import Link, TokenSource
from .request import Request

if TYPE_CHECKING:
    AnyRequest = Request[Any]


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
    """Routes to choose from. Those that are connected are found anew by :meth:`refresh`."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._all = routes
        self._turn = 0
        self.refresh()

    def refresh(self) -> None:
        """A connection became ready or was lost."""
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


class Granter(Protocol):
    """A request queue, as its places see it."""

    patient: bool
    routes: Routes

    @property
    def length(self) -> int: ...

    def grant(self, place: QueuePlace, count: int, now: float) -> int: ...


class QueuePlace(Place):
    """A queue's place in the line of one quota, for all the gateways that share it."""

    def __init__(self, queue: Granter, quota: TokenSource, routes: Sequence[Route]) -> None:
        super().__init__(patient=queue.patient)
        self.quota = quota
        self.routes: Routes = Routes(routes)
        self._queue = queue

    @property
    def length(self) -> int:
        return self._queue.length

    def grant(self, count: int, now: float) -> int:
        return self._queue.grant(self, count, now)

    def route_for(self, request: AnyRequest) -> Route | None:
        """Return the least loaded open route, but not the one on which the request just
        failed, unless no other gateway is connected at all."""
        failed = request.route
        if failed is not None and len(self._queue.routes.open) == 1:
            failed = None
        return self.routes.least_loaded(failed)

    def first_of(self, waiting: Iterable[AnyRequest]) -> AnyRequest | None:
        """The first request that has a route here."""
        # Those that have none have just been put back: they are few, and at the head.
        return next((request for request in waiting if self.route_for(request) is not None), None)

    def etas(self) -> Iterator[float]:
        """Seconds until each further grant here, as if this were the only place."""
        return (self.quota.eta_of(self, n) for n in count(1))
