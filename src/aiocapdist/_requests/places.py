"""A queue's places in the lines of the quotas that limit it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ..quota._core.fair_queue import Place
from .request import Request
from .routes import Route, Routes

if TYPE_CHECKING:
    from .interfaces import TokenSource

AnyRequest: TypeAlias = Request[Any]


class TokenUser(Protocol):
    """A request queue, as its places see it."""

    patient: bool
    routes: Routes

    @property
    def length(self) -> int: ...

    def grant(self, place: QueuePlace, count: int, now: float) -> int: ...


class QueuePlace(Place):
    """A queue's place in the line of one quota, for all the gateways that share it."""

    def __init__(self, queue: TokenUser, quota: TokenSource, routes: Sequence[Route]) -> None:
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
        """Return the first request that has a route here, None if there is none."""
        # Those that have none have just been put back: they are few, and at the head.
        return next((request for request in waiting if self.route_for(request) is not None), None)

    def etas(self) -> Iterator[float]:
        """Yield the seconds until each further grant here, as if this were the only place."""
        return (self.quota.eta_of(self, n) for n in count(1))
