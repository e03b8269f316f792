"""A group of clients: several gateways, asked as if they were one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .._connection.event_stream import EventStream
from .._connection.supervisors import Supervisors
from .._protocol.questions import CapitalDistributionQuestion
from .._requests.group_lane import GroupDesk, GroupLane, GroupSweepLane, lane_over
from .._requests.queue import RequestQueue, Tokens
from .._requests.seats import Routes
from .._requests.sweep_source import SweepSource
from .._requests.ways import GroupWay
from ..models import Status
from ..quota import Quota
from ..quota._core.quota import scheduler_of
from .base import Asking
from .client import Client


class ClientGroup(Asking):
    """Made by :func:`aiocapdist.connect_many`: the calls of a client, over several gateways.

    Each question goes to who can send first: to a gateway that is connected and has a token
    free, the least busy of them, else to the one whose quota grants one first. Equal questions
    cost one request over all of them, and ``max_age`` looks at answers from any.

    What a gateway leaves unanswered goes to the others, before all else that waits: what was
    not sent when it went away, and within ``attempts`` what was sent, what had no reply in
    time, and what its servers failed on (BackendError). Any other answer is final, an error
    too: another account may have another right, but nobody is asked twice what one has
    answered. While all are away, calls wait for the first to come back; once none will, they
    end as one client's do.

    Gateways are named by their address, such as ``tcp://127.0.0.1:11111``. For the event loop
    that it was made on. Cancelling is as safe as with one client.
    """

    def __init__(self, fleet: Supervisors, clients: Mapping[str, Client]) -> None:
        gateways = fleet.gateways
        self._fleet = fleet
        self._clients = dict(clients)
        self._questions = {
            name: CapitalDistributionQuestion(gateway.security_firm)
            for name, gateway in gateways.items()
        }
        self._accounts = list(dict.fromkeys(gateway.quota for gateway in gateways.values()))
        attempts = max(gateway.attempts for gateway in gateways.values())
        question = next(iter(self._questions.values()))
        singles = self._open_lane(
            {
                scheduler_of(quota): [name for name in gateways if gateways[name].quota is quota]
                for quota in self._accounts
            }
        )
        super().__init__(
            fleet.clock,
            GroupDesk(fleet.clock, question, attempts),
            attempts,
            singles,
            self._open_lane({fleet.unmetered: list(gateways)}),
        )
        self._quota = GroupQuota(fleet, singles, self._accounts)

    def __repr__(self) -> str:
        states = ", ".join(f"{name} {status.state}" for name, status in self.status.items())
        return f"<ClientGroup of {states}>"

    @property
    def clients(self) -> dict[str, Client]:
        """Each gateway's own client, by its name."""
        return dict(self._clients)

    @property
    def status(self) -> dict[str, Status]:
        """Where each gateway's connection stands, now, by its name."""
        return {name: client.status for name, client in self._clients.items()}

    @property
    def quota(self) -> GroupQuota:
        """All gateways' quotas together: ``available``, ``waiting``, ``rejections``, ``eta(n)``."""
        return self._quota

    def answered_by(self, code: str) -> str | None:
        """The gateway that gave the last answer about this security; None for none so far.

        Within the latest 2048 securities at least. A sweep's outcomes tell it themselves.
        """
        return self._desk.answered_by(code)

    def events(self) -> EventStream:
        """What happens from now on, at any gateway: each event's ``gateway`` says at which.

        As a client's events, with a Connected first for each that is so already. A quota that
        several share is told of by each. Ends when all are closed. Source: push 1003.
        """
        return self._fleet.listen()

    async def aclose(self) -> None:
        """End all connections; calls that wait end with ClientClosed. Repeatable, any task."""
        await self._fleet.aclose()

    def _sweep_lane(self, codes: Iterable[str], max_age: float) -> SweepSource:
        return GroupSweepLane(codes, self._singles, self._desk, max_age=max_age)

    def _new_lane(self, quota: Quota) -> RequestQueue:
        gateways = self._fleet.gateways
        # An account's quota is good at its own gateways; one of the user's own at any.
        own = [name for name in gateways if gateways[name].quota is quota]
        self._fleet.use(quota)
        return self._open_lane({scheduler_of(quota): own or list(gateways)})

    def _open_lane(self, names: Mapping[Tokens, Sequence[str]]) -> GroupLane:
        routes: Routes = {
            quota: [
                GroupWay(name, self._fleet.gateways[name], self._questions[name], quota)
                for name in those
            ]
            for quota, those in names.items()
        }
        lane = lane_over(self._fleet, routes)
        self._fleet.lanes.add(lane)
        return lane


class GroupQuota:
    """All quotas of a group as one, to look at. A quota that several share counts once."""

    def __init__(self, fleet: Supervisors, singles: GroupLane, quotas: Sequence[Quota]) -> None:
        self._fleet = fleet
        self._singles = singles
        self._quotas = quotas

    def __repr__(self) -> str:
        return (
            f"<GroupQuota of {len(self._quotas)}: {self.available} available, "
            f"{self.waiting} waiting, {self.rejections} rejections>"
        )

    @property
    def available(self) -> int:
        """Requests that could be sent now: tokens of gateways that are connected."""
        gateways = self._fleet.gateways.values()
        open_quotas = {gateway.quota for gateway in gateways if gateway.connected}
        return sum(quota.available for quota in open_quotas)

    @property
    def waiting(self) -> int:
        """This group's requests in line; a sweep counts with the one code it holds out next."""
        return sum(
            lane.length
            for lane in self._fleet.lanes
            if isinstance(lane, GroupLane)
            and lane.seats.routes is self._singles.seats.routes
            and lane.seats.queued
        )

    @property
    def rejections(self) -> int:
        """How often OpenD refused for frequency all the same (someone else spends too)."""
        return sum(quota.rejections for quota in self._quotas)

    def eta(self, n: int = 1) -> float:
        """Seconds until the ``n``-th further request could go, by any gateway: an estimate.

        It counts those already in line as going first. Infinite while none is connected.
        """
        if n < 1:
            raise ValueError(f"n is the number of requests from now, at least 1, not {n}")
        singles = self._singles
        return singles.quota.eta_of(singles, singles.length + n)
