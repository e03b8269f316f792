"""A client's queues of single calls: one for each quota that limits them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from .._connection.gateway import Gateway
from .._connection.hub import Hub
from .._protocol import catalog
from .._protocol.encoders import CapitalDistributionEncoder
from .._requests.queue import RequestQueue
from .._requests.routes import Route
from ..quota import Quota
from ..quota._core.quota import scheduler_of

if TYPE_CHECKING:
    from .._requests.interfaces import TokenSource


class Queues:
    """Queues over the same gateways, made when they are first needed.

    ``gateways`` are by their names in the group; the only gateway of a single client has none.
    """

    def __init__(self, hub: Hub, gateways: Mapping[str | None, Gateway]) -> None:
        self._hub = hub
        self._gateways = gateways
        by_firm = {
            firm: CapitalDistributionEncoder(firm)
            for firm in {gateway.security_firm for gateway in gateways.values()}
        }
        self._encoders = {name: by_firm[one.security_firm] for name, one in gateways.items()}
        for gateway in gateways.values():
            gateway.supervisor.use(scheduler_of(gateway.quota))
        self.all: set[RequestQueue] = set()
        """Every queue that was made."""
        self.singles: RequestQueue = self._open(
            {name: scheduler_of(gateway.quota) for name, gateway in gateways.items()}
        )
        """Of capital distribution calls."""
        self._flow_quotas_used = False
        self._by_quota: dict[Quota, RequestQueue] = {}

    @cached_property
    def flow_singles(self) -> RequestQueue:
        """Of capital flow calls; see :meth:`for_flows`."""
        gateways = self._gateways.items()
        return self._open({name: scheduler_of(gateway.flow_quota) for name, gateway in gateways})

    @cached_property
    def free(self) -> RequestQueue:
        """Of calls that no quota counts."""
        return self._open(dict.fromkeys(self._gateways, self._hub.unlimited))

    async def for_flows(self) -> RequestQueue:
        """Return the queue of capital flow calls. Their quotas are in use from the first on.

        Raises QuotaUnavailable.
        """
        if not self._flow_quotas_used:
            gateways = self._gateways.values()
            for quota in dict.fromkeys(gateway.flow_quota for gateway in gateways):
                await scheduler_of(quota).prepare()
            for gateway in gateways:
                gateway.supervisor.use(scheduler_of(gateway.flow_quota))
            self._flow_quotas_used = True
        return self.flow_singles

    async def for_call(self, proto_id: int, quota: Quota | None) -> RequestQueue:
        """Return the queue of a call with this quota, or with the one that counts by default.

        Raises QuotaUnavailable.
        """
        if quota is not None:
            return await self._for_quota(quota)
        if proto_id == catalog.CAPITAL_DISTRIBUTION:
            return self.singles
        return await self.for_flows() if proto_id == catalog.CAPITAL_FLOW else self.free

    async def _for_quota(self, quota: Quota) -> RequestQueue:
        if any(gateway.flow_quota is quota for gateway in self._gateways.values()):
            await self.for_flows()
        queue = self._by_quota.get(quota)
        if queue is None:
            await scheduler_of(quota).prepare()
            queue = self._by_quota.get(quota)  # another call may have been quicker
        if queue is None:
            queue = self._by_quota[quota] = self._new(quota)
        return queue

    def _new(self, quota: Quota) -> RequestQueue:
        # An account's quota is good at its own gateways; one of the user's own at any.
        gateways = self._gateways
        own = [name for name in gateways if gateways[name].quota is quota]
        if len(own) == len(gateways):
            return self.singles
        own = own or [name for name in gateways if gateways[name].flow_quota is quota]
        if len(own) == len(gateways):
            return self.flow_singles
        scheduler = scheduler_of(quota)
        self._hub.use(scheduler)
        return self._open(dict.fromkeys(own or gateways, scheduler))

    def _open(self, quotas: Mapping[str | None, TokenSource]) -> RequestQueue:
        """Make a queue over these gateways, each with the quota that counts there."""
        routes = [
            Route(name, self._gateways[name].supervisor, quota, self._encoders[name])
            for name, quota in quotas.items()
        ]
        queue = RequestQueue(self._hub, routes)
        self._hub.add(queue)
        self.all.add(queue)
        return queue
