"""A lane's places in the lines of several quotas: who has a token first sends for it.

Nothing is assigned ahead. What waits, waits once, in its lane; the lane sits in the line of
each quota that may serve it, and when one of them grants a token, the request at the head
goes over that quota's gateway. So a gateway that is slow, out of tokens or away keeps nobody
waiting who could go elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import count, islice
from typing import TYPE_CHECKING, Any, cast

from .._connection.supervisors import Supervisors
from .._loop import Clock, Waiter
from .._protocol.flights import Flight
from ..errors import AiocapdistError
from ..quota._core.fair_queue import Place
from ..quota._core.scheduler import Scheduler
from .queue import AnyRequest, Tokens
from .ways import GroupWay

if TYPE_CHECKING:
    from .group_lane import GroupLane


Routes = Mapping[Tokens, Sequence[GroupWay]]
"""Which ways each quota's tokens are good for."""


class Seats:
    """What a lane of a group has for a link and a quota (see _lane.Link, _lane.Tokens): as much
    of their faces as lanes use. What requests say goes to the way that they were sent."""

    def __init__(self, fleet: Supervisors, routes: Routes) -> None:
        self.fleet = fleet
        self.routes = routes
        self.clock: Clock = fleet.clock
        self.new_waiter: Callable[[], Waiter] = fleet.new_waiter
        self.sender: Seat | None = None
        """Whose token was granted last: what is sent now goes from there."""
        self._granting = False

    def serve(self, lane: GroupLane) -> None:
        """The lane whose places these are. Once."""
        self.lane = lane
        self._all = [Seat(self, quota, ways) for quota, ways in self.routes.items()]

    @property
    def open_ways(self) -> int:
        """Over how many gateways requests can be sent now."""
        return sum(len(seat.open) for seat in self._all)

    @property
    def queued(self) -> bool:
        """Whether the lane waits for tokens of any quota."""
        return any(seat.queued for seat in self._all)

    # ---- as a link

    @property
    def connection(self) -> Seats | None:
        return self if self.open_ways else None

    def send(self, request: AnyRequest, now: float) -> Flight[Any]:
        assert self.sender is not None
        return self.sender.send(request, now)

    def final_error(self, *, sent: bool) -> AiocapdistError | None:
        return self.fleet.final_error(sent=sent)

    def add(self, lane: GroupLane) -> None:
        self.fleet.lanes.add(lane)

    def remove(self, lane: GroupLane) -> None:
        self.fleet.lanes.discard(lane)

    # ---- as a quota

    def join(self, lane: GroupLane) -> None:
        """Sit down where a token would be of use, and nowhere else."""
        for seat in self._all:
            if seat.open and lane.has_for(seat):
                seat.quota.join(seat)
            else:
                seat.quota.leave(seat)

    def leave(self, lane: GroupLane) -> None:
        for seat in self._all:
            seat.quota.leave(seat)

    def try_acquire(self, now: float) -> bool:
        for seat in self._by_busyness():
            if seat.quota.try_acquire(now):
                self.sender = seat
                return True
        return False

    def pump(self) -> None:
        for seat in self._by_busyness():
            seat.quota.pump()

    def grant(self, seat: Seat, count: int, now: float) -> int:
        """Tokens for one of the seats."""
        if self._granting:
            # A code was being drawn, and the user's own code behind it made another quota
            # grant its tokens: drawing from within drawing will not do.
            seat.quota.leave(seat)
            return 0
        self._granting = True
        self.sender = seat
        try:
            used = self.lane.grant(count, now)
        finally:
            self._granting = False
        # What is left may be of no use to this seat, or of use to others by now.
        self.lane.refresh()
        return used

    def eta_of(self, lane: GroupLane, position: int) -> float:
        """As a quota's, with all seats serving the lane together."""
        seats = [seat for seat in self._all if seat.open]
        if not seats:
            return math.inf
        # After a round of all their tokens it goes on like that one, near enough.
        quotas = [cast("Scheduler", seat.quota) for seat in seats]  # nobody asks without a quota
        span = max(quota.period for quota in quotas)
        in_a_round = sum(int(quota.limit * span / quota.period) for quota in quotas)
        rounds, index = divmod(position - 1, in_a_round)
        times = merge(*(seat.etas() for seat in seats))
        return next(islice(times, index, None)) + rounds * span

    def _by_busyness(self) -> list[Seat]:
        return sorted((seat for seat in self._all if seat.open), key=lambda seat: seat.busyness)


class Seat(Place):
    """A lane's place in the line of one quota, for all the gateways that share it."""

    def __init__(self, seats: Seats, quota: Tokens, ways: Sequence[GroupWay]) -> None:
        super().__init__(patient=seats.lane.patient)
        self.quota = quota
        self._seats = seats
        self._ways = ways

    @property
    def length(self) -> int:
        return self._seats.lane.length

    def grant(self, count: int, now: float) -> int:
        return self._seats.grant(self, count, now)

    @property
    def open(self) -> list[GroupWay]:
        """The ways that are connected."""
        return [way for way in self._ways if way.link.connection is not None]

    @property
    def busyness(self) -> tuple[int, int]:
        """That of the least busy gateway; there is one that is connected."""
        return min(way.gateway.busyness for way in self.open)

    def ways_for(self, request: AnyRequest) -> list[GroupWay]:
        """Not the one where it just failed, unless there is no other at all."""
        ways = self.open
        others = [way for way in ways if way is not request.way]
        return others or (ways if self._seats.open_ways == 1 else [])

    def first_of(self, waiting: Iterable[AnyRequest]) -> AnyRequest | None:
        """The first that can go from here."""
        # Those that cannot have just come back: they are few, and at the head.
        return next((request for request in waiting if self.ways_for(request)), None)

    def send(self, request: AnyRequest, now: float) -> Flight[Any]:
        way = min(self.ways_for(request), key=lambda way: way.gateway.busyness)
        return way.send(request, now)

    def etas(self) -> Iterator[float]:
        """Seconds until each further grant here, were this the only seat."""
        return (self.quota.eta_of(self, n) for n in count(1))
