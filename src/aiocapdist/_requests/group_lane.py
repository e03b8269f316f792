"""The lanes and the desk of a group: what one client has, for several gateways."""

from __future__ import annotations

from typing import cast

from .._connection.supervisors import Supervisors
from ..models import Security
from .kinds import DistributionRequest
from .queue import AnyRequest, Link, RequestQueue, Tokens
from .seats import Routes, Seat, Seats
from .single_flight import SingleFlight
from .sweep_source import SweepSource
from .ways import GroupWay


class GroupLane(RequestQueue):
    """A lane that sits in the lines of several quotas."""

    def __init__(self, link: Link, quota: Tokens, *, patient: bool = False) -> None:
        super().__init__(link, quota, patient=patient)
        self.seats: Seats = cast("Seats", link)
        self.seats.serve(self)

    def beside(self) -> tuple[Link, Tokens]:
        return _places(self.seats.fleet, self.seats.routes)

    def has_for(self, seat: Seat) -> bool:
        """Whether something waits that can go from there."""
        return self.length > len(self._waiting) or seat.first_of(self._waiting) is not None

    def put_back(self, request: AnyRequest) -> None:
        if request.way.link.connection is None:
            self._forgive(request)  # a gateway that has come back is as good as any
        super().put_back(request)

    def refuse(self, request: AnyRequest) -> bool:
        refused = request.way.quota.reject()
        if refused:
            self._forgive(request)  # its quota knows when that gateway may be asked again
            super().put_back(request)
        return refused

    def grant(self, count: int, now: float) -> int:
        seat = self.seats.sender
        assert seat is not None
        used = 0
        while used < count and (request := seat.first_of(self._waiting)) is not None:
            del self._waiting[request]
            request.flight = seat.send(request, now)
            request.departed()
            used += 1
        return used

    def _forgive(self, request: AnyRequest) -> None:
        """It may go the way that it went before."""
        request.way = self


class GroupSweepLane(SweepSource, GroupLane):
    """A sweep whose codes go wherever there is a token first."""


class GroupRequest(DistributionRequest):
    """A question in the words of the gateway that it goes to: accounts may be of several firms."""

    __slots__ = ()

    def body(self) -> bytes:
        assert isinstance(self.way, GroupWay)
        return self.way.question.body(self._security)


class GroupDesk(SingleFlight):
    """Where equal questions to any of the gateways meet."""

    def ask(self, code: str, security: Security, lane: RequestQueue) -> DistributionRequest:
        request = GroupRequest(lane, self._attempts, code, security, self._question, self)
        self.asked[code] = request
        return request


def lane_over(fleet: Supervisors, routes: Routes) -> GroupLane:
    """A lane of single calls."""
    return GroupLane(*_places(fleet, routes))


def _places(fleet: Supervisors, routes: Routes) -> tuple[Link, Tokens]:
    """Seats that no lane has yet: both its link and its quota."""
    seats = Seats(fleet, routes)
    return cast("Link", seats), cast("Tokens", seats)
