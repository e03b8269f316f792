"""A group of clients: several gateways, used as one client."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from .._connection.gateway import Gateway
from .._connection.supervisors import Supervisors
from .._requests.queue import RequestQueue
from ..models import Status
from ..quota import Quota
from . import guesses
from .base import BaseClient
from .client import Client, status_of


class ClientGroup(BaseClient):
    """The calls of a client, over several gateways. Created by :func:`aiocapdist.connect_many`.

    Each request goes to a gateway that is connected and has a free token, the least loaded
    first; else to the one whose quota grants a token first. Equal calls cost one request over
    all gateways, and ``max_age`` looks at the answers of any.

    What a gateway leaves unanswered goes to the others, before all else that waits: what was
    not sent when it went away, and within ``attempts`` what was sent, what had no reply in
    time, and what its servers failed on (BackendError). Any other answer is final, an error
    too: another account may have other rights, but a question that was answered is not asked
    again elsewhere. While all gateways are away, calls wait for the first to come back; when
    none will, they end as one client's do.

    Gateways are named by their address, such as ``tcp://127.0.0.1:11111``. A group is for the
    event loop that it was created on. Cancelling is as safe as with one client.
    """

    def __init__(self, hub: Supervisors) -> None:
        gateways: dict[str | None, Gateway] = dict(hub.gateways.items())
        super().__init__(hub, gateways)
        self._supervisors = hub

    if not TYPE_CHECKING:
        __new__ = guesses.made_by(
            "aiocapdist.connect_many()",
            "async with aiocapdist.connect_many([aiocapdist.connect(…), …]) as clients:",
        )

    def __repr__(self) -> str:
        states = ", ".join(f"{name} {status.state}" for name, status in self.status.items())
        return f"<ClientGroup of {states}>"

    @property
    def clients(self) -> dict[str, Client]:
        """Each gateway's own client, by its name."""
        return dict(self._clients)

    @cached_property
    def _clients(self) -> dict[str, Client]:
        # Most groups are used as one: each client would be some hundred objects.
        return {name: Client(gateway) for name, gateway in self._supervisors.gateways.items()}

    @property
    def status(self) -> dict[str, Status]:
        """The state of each gateway's connection, now, by its name."""
        gateways = self._supervisors.gateways.items()
        return {name: status_of(gateway.supervisor) for name, gateway in gateways}

    @property
    def quota(self) -> GroupQuota:
        """All gateways' quotas together: ``available``, ``waiting``, ``rejections``, ``eta(n)``."""
        return self._quota

    @property
    def flow_quota(self) -> GroupQuota:
        """All gateways' quotas of capital flow calls together."""
        return self._flow_quota

    @cached_property
    def _quota(self) -> GroupQuota:
        by_gateway = {name: one.quota for name, one in self._supervisors.gateways.items()}
        return GroupQuota(self._supervisors, self._singles, by_gateway)

    @cached_property
    def _flow_quota(self) -> GroupQuota:
        by_gateway = {name: one.flow_quota for name, one in self._supervisors.gateways.items()}
        return GroupQuota(self._supervisors, self._queues.flow_singles, by_gateway)

    def answered_by(self, code: str) -> str | None:
        """Return the gateway that gave the latest answer about this security; None if none did.

        Known for the latest 4096 securities. A sweep's outcomes name it themselves.
        """
        return self._single_flight.answered_by(code)


class GroupQuota:
    """All quotas of a group as one, to look at. A quota that several share counts once."""

    def __init__(
        self, hub: Supervisors, singles: RequestQueue, by_gateway: Mapping[str, Quota]
    ) -> None:
        self._hub = hub
        self._singles = singles
        self._by_gateway = by_gateway
        self._quotas = list(dict.fromkeys(by_gateway.values()))

    def __repr__(self) -> str:
        return (
            f"<GroupQuota of {len(self._quotas)}: {self.available} available, "
            f"{self.waiting} waiting, {self.rejections} rejections>"
        )

    @property
    def limit(self) -> int:
        """Number of requests in one ``period``, over all quotas."""
        return sum(int(quota.limit * self.period / quota.period) for quota in self._quotas)

    @property
    def period(self) -> float:
        """Seconds: the longest of the quotas' periods."""
        return max(quota.period for quota in self._quotas)

    @property
    def margin(self) -> float:
        """Seconds added to the period: the largest of the quotas' margins."""
        return max(quota.margin for quota in self._quotas)

    @property
    def reserve(self) -> int:
        """Number of tokens that sweeps leave for single calls, over all quotas."""
        return sum(quota.reserve for quota in self._quotas)

    @property
    def available(self) -> int:
        """Number of requests that could be sent now, over gateways that are connected."""
        gateways = self._hub.gateways
        open_quotas = {
            quota for name, quota in self._by_gateway.items() if gateways[name].connected
        }
        return sum(quota.available for quota in open_quotas)

    @property
    def waiting(self) -> int:
        """Number of this group's requests that wait; a sweep counts with its next code."""
        return sum(
            queue.length
            for queue in self._hub.listeners
            if isinstance(queue, RequestQueue)
            and queue.all_routes is self._singles.all_routes
            and queue.queued
        )

    @property
    def rejections(self) -> int:
        """Number of requests that OpenD rejected: another program spends too."""
        return sum(quota.rejections for quota in self._quotas)

    def eta(self, n: int = 1) -> float:
        """Estimate the seconds until the ``n``-th further request is sent, by any gateway.

        Requests that already wait go first. Infinite while no gateway is connected.
        """
        if n < 1:
            raise ValueError(f"n is the number of requests from now, at least 1, not {n}")
        return self._singles.eta_at(self._singles.length + n)
