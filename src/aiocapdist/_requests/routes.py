"""Routes, and a queue's places in the quotas that limit them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from math import inf
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
        self.name = name
        """The gateway's name in a group; None for a single client."""
        self.link = link
        self.quota = quota
        self.encoder = encoder

    @property
    def load(self) -> tuple[float, int]:
        """Number of requests in flight, then of those sent so far; infinite if not connected."""
        connection = self.link.connection
        return inf if connection is None else len(connection.flights), self.link.stats.calls


def least_loaded(routes: Iterable[Route], failed: Route | None = None) -> Route | None:
    """Return the connected route with the lowest load, but not ``failed``."""
    best = None
    least, fewest = 0, 0
    for route in routes:
        connection = route.link.connection
        if connection is None or route is failed:
            continue
        load = len(connection.flights)
        if best is None or load < least or (load == least and route.link.stats.calls < fewest):
            best, least, fewest = route, load, route.link.stats.calls
    return best


class Granter(Protocol):
    """A request queue, as its places see it."""

    patient: bool

    @property
    def length(self) -> int: ...

    @property
    def open_routes(self) -> int:
        """Number of routes that are connected."""
        ...

    def grant(self, place: QueuePlace, count: int, now: float) -> int: ...


class QueuePlace(Place):
    """A queue's place in the line of one quota, for all the gateways that share it."""

    def __init__(self, queue: Granter, quota: TokenSource, routes: Sequence[Route]) -> None:
        super().__init__(patient=queue.patient)
        self.quota = quota
        self.routes = routes
        self._queue = queue

    @property
    def length(self) -> int:
        return self._queue.length

    def grant(self, count: int, now: float) -> int:
        return self._queue.grant(self, count, now)

    @property
    def is_open(self) -> bool:
        """True if one of its gateways is connected."""
        return any(route.link.connection is not None for route in self.routes)

    @property
    def load(self) -> tuple[float, int]:
        """The load of its least loaded route."""
        return min(route.load for route in self.routes)

    def route_for(self, request: AnyRequest) -> Route | None:
        """Return the least loaded connected route, but not the one on which the request just
        failed, unless no other gateway is connected at all."""
        failed = request.route
        if failed is not None and self._queue.open_routes == 1:
            failed = None
        return least_loaded(self.routes, failed)

    def first_of(self, waiting: Iterable[AnyRequest]) -> AnyRequest | None:
        """The first request that has a route here."""
        # Those that have none have just been put back: they are few, and at the head.
        return next((request for request in waiting if self.route_for(request) is not None), None)

    def etas(self) -> Iterator[float]:
        """Seconds until each further grant here, as if this were the only place."""
        return (self.quota.eta_of(self, n) for n in count(1))
