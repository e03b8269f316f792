"""A client's requests that wait for a token and for a connection."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

from ..errors import AiocapdistError, QuotaUnavailable
from .places import AnyRequest, QueuePlace
from .positions import Positions
from .routes import Route, Routes

if TYPE_CHECKING:
    from .interfaces import Hub, Source, TokenSource


class RequestQueue:
    """First come, first served; what has to be sent again goes to the head.

    The queue waits in the line of each quota that may serve it, and sends over the gateway
    whose quota grants a token first. Nothing is assigned to a gateway beforehand.
    """

    def __init__(
        self,
        hub: Hub,
        routes: Sequence[Route],
        *,
        patient: bool = False,
        source: Source | None = None,
    ) -> None:
        self.hub = hub
        self.all_routes = routes
        self.routes: Routes = Routes(routes)
        self.patient = patient
        self._source = source
        self._waiting: OrderedDict[AnyRequest, None] = OrderedDict()
        self._positions: Positions | None = None  # made when a request in the middle asks
        by_quota: dict[TokenSource, list[Route]] = {}
        for route in routes:
            by_quota.setdefault(route.quota, []).append(route)
        self._places = [QueuePlace(self, quota, its) for quota, its in by_quota.items()]
        self._only = routes[0] if len(routes) == 1 else None
        self._granting = False
        self._load_falls = -1  # as they were when a request was sent without queueing

    def __repr__(self) -> str:
        routes = f"{len(self.routes.open)} of {len(self.all_routes)} routes open"
        return f"<RequestQueue {self.length} queued, {routes}>"

    # ---- properties

    @property
    def length(self) -> int:
        """Number of requests that wait; a source counts with its next one."""
        source = self._source
        return len(self._waiting) + (source is not None and source.ready)

    @property
    def is_offline(self) -> bool:
        """True if no gateway is connected."""
        return not self.routes.open

    @property
    def trouble(self) -> QuotaUnavailable | None:
        """Why no quota here can be used; None while one can."""
        troubles = [place.quota.trouble for place in self._places]
        return troubles[0] if all(troubles) else None

    def final_error(self) -> AiocapdistError | None:
        """Build the error that calls here end with at once; None while they may wait."""
        errors = [route.link.error_for(route.quota) for route in self.all_routes]
        return self.hub.final_error(sent=False) or (None if None in errors else errors[0])

    @property
    def queued(self) -> bool:
        """True if it waits for tokens of any quota."""
        return any(place.queued for place in self._places)

    # ---- requests come and go

    def submit(self, request: AnyRequest) -> None:
        """Append a request. It may be sent at once. If no connection will come, fail it.

        If sending raises, the request is put at the head and the exception raised.
        """
        if not self._waiting:
            now = self.hub.clock()
            route = self._only
            if route is None:
                route = self._acquire(now)
            elif route.link.connection is None or not route.quota.try_acquire(now):
                route = None
            if route is not None:
                falls = route.link.load_falls.count
                alone, self._load_falls = falls != self._load_falls, falls
                try:
                    self._send(request, route, now, alone)
                except BaseException:
                    route.quota.release()
                    raise
                return
            if (final := self.final_error()) is not None:
                request.fail(final)
                return
        self._waiting[request] = None
        if self._positions is not None and not self._positions.append(request):
            self._positions = None
        for place in self._places:
            if not place.queued and place.route_for(request) is not None:
                place.quota.join(place)
                place.quota.pump()

    def pump(self) -> None:
        """Let each quota grant what it can, the least loaded gateway's first."""
        for quota in dict.fromkeys(route.quota for route in self.routes.by_load()):
            quota.pump()

    def put_back(self, request: AnyRequest, *, anywhere: bool = False) -> None:
        """Put a request at the head, to be sent again when the quotas are pumped next.

        ``anywhere``: also on the route that it was sent on.
        """
        if (final := self.final_error()) is not None:
            request.fail(final)
            return
        route = request.route
        if anywhere or (route is not None and route.link.connection is None):
            request.route = None  # a gateway that comes back is as good as any
        self._waiting[request] = None
        self._waiting.move_to_end(request, last=False)
        self._positions = None
        self.update_places()
        self.hub.pump_later()

    def withdraw(self, request: AnyRequest) -> None:
        """Remove a request that nobody wants any more, and that was not sent."""
        self._waiting.pop(request, None)
        if self._positions is not None:
            self._positions.discard(request)
        if not self._has_pending():
            self._leave_all()

    def drain(self) -> list[AnyRequest]:
        """Remove and return all requests, and leave every line."""
        waiting = list(self._waiting)
        self._waiting.clear()
        self._positions = None
        self._leave_all()
        return waiting

    def eta(self, request: AnyRequest) -> float:
        """Estimate the seconds until a request is sent; infinite while not connected."""
        waiting = self._waiting
        if request not in waiting:
            return self.eta_at(len(waiting) + 1)  # it is held: see last_attempts
        if next(reversed(waiting)) is request:  # it has just come, as nearly always
            return self.eta_at(len(waiting))
        if next(iter(waiting)) is request:
            return self.eta_at(1)
        if self._positions is None or request not in self._positions:
            self._positions = Positions(waiting)
        return self.eta_at(self._positions.of(request))

    def eta_at(self, position: int) -> float:
        """Estimate the seconds until the request at this position is sent, from 1."""
        places = [place for place in self._places if place.routes.open]
        if not places:
            return math.inf
        if len(places) == 1:
            return places[0].quota.eta_of(places[0], position)
        # After one round of all their tokens the next is like the first, near enough.
        quotas = [place.quota for place in places]
        span = max(quota.period for quota in quotas)
        in_a_round = sum(int(quota.limit * span / quota.period) for quota in quotas)
        whole, index = divmod(position - 1, in_a_round)
        times = merge(*(place.etas() for place in places))
        return next(islice(times, index, None)) + whole * span

    # ---- callbacks of the hub (see interfaces.ConnectionListener)

    def refresh(self) -> None:
        """Update routes and places after a connection became ready or was lost."""
        self.routes.refresh()
        for place in self._places:
            place.routes.refresh()
        self.update_places()

    def update_places(self) -> None:
        """Wait in the line of each quota that can serve something here, and in no other."""
        for place in self._places:
            if self._has_pending_for(place):
                place.quota.join(place)
            else:
                place.quota.leave(place)

    def fail(self, error: AiocapdistError) -> None:
        """End all requests: no connection will come. Repeatable."""
        self._leave_all()
        waiting = self._waiting
        while waiting:
            request = next(iter(waiting))
            request.fail(error)
            waiting.pop(request, None)  # last: after an exception the next call goes on here
        self._positions = None
        if self._source is not None:
            self._source.fail(error)

    def expire(self) -> None:
        """End all requests if every quota here has been out of reach for too long."""
        if (final := self.final_error()) is not None:
            self.fail(final)

    # ---- tokens

    def grant(self, place: QueuePlace, count: int, now: float) -> int:
        """Send what can be sent with ``count`` tokens of this place's quota.

        Return the number used. If sending raises, the unused tokens are released first.
        """
        if self._granting:
            # The user's code, which makes a source's codes, let another quota grant its tokens.
            place.quota.leave(place)
            return 0
        self._granting = True
        source, only, left = self._source, self._only, count
        fewest = count - 1 if source is not None and source.one_at_a_time else 0
        try:
            if source is not None:
                source.look_ahead()  # somebody may have asked for its next code meanwhile
            while left > fewest and (request := self._take(place)) is not None:
                route = only or place.route_for(request)
                assert route is not None
                self._send(request, route, now)
                left -= 1
                if source is not None:
                    source.look_ahead()
        except BaseException:
            place.quota.release(left)
            raise
        finally:
            self._granting = False
        self.update_places()
        return count - left

    def _take(self, place: QueuePlace) -> AnyRequest | None:
        """Remove and return the next request that has a route at this place."""
        waiting = self._waiting
        if waiting:
            request = place.first_of(waiting) if self._only is None else next(iter(waiting))
            if request is not None:
                del waiting[request]
                if self._positions is not None:
                    self._positions.discard(request)
                return request
        return None if self._source is None else self._source.take()

    def _acquire(self, now: float) -> Route | None:
        """Take a token for the least loaded route that has one."""
        route = self.routes.least_loaded()
        if route is None or route.quota.try_acquire(now):
            return route
        return next(
            (other for other in self.routes.by_load() if other.quota.try_acquire(now)), None
        )

    # ---- sending

    def _send(self, request: AnyRequest, route: Route, now: float, alone: bool = False) -> None:
        connection = route.link.connection
        assert connection is not None
        try:
            request.flight = connection.send(request, route, now, alone)
        except BaseException:
            self.put_back(request)  # a fault of ours must not cost a caller the answer
            raise
        request.route = route
        if request.scopes is not None:
            request.mark_sent()

    # ---- places

    def _has_pending(self) -> bool:
        return bool(self._waiting) or (self._source is not None and self._source.ready)

    def _has_pending_for(self, place: QueuePlace) -> bool:
        if self._source is not None and self._source.ready:
            return bool(place.routes.open)
        return place.first_of(self._waiting) is not None

    def _leave_all(self) -> None:
        for place in self._places:
            place.quota.leave(place)
