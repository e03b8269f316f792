"""Several gateways, used as one blocking client."""

from __future__ import annotations

from .._client import group
from ..models import Status
from ._base import BlockingClient
from ._client import Client
from ._quota import QuotaView


class ClientGroup(BlockingClient[group.ClientGroup]):
    """The calls of a client, over several gateways, as :class:`aiocapdist.ClientGroup`.

    Created by :func:`aiocapdist.sync.connect_many`.
    """

    def __repr__(self) -> str:
        return f"<aiocapdist.sync {repr(self._client)[1:]}"

    @property
    def clients(self) -> dict[str, Client]:
        """Each gateway's own client, by its name."""
        found = self._client.clients.items()
        return {name: Client(self._thread, client, self) for name, client in found}

    @property
    def status(self) -> dict[str, Status]:
        """The state of each gateway's connection, now, by its name."""
        return self._thread.call(lambda: self._client.status)

    @property
    def quota(self) -> QuotaView:
        """All gateways' quotas together: ``available``, ``waiting``, ``rejections``, ``eta(n)``."""
        return QuotaView(self._thread, self._client.quota)

    @property
    def flow_quota(self) -> QuotaView:
        """All gateways' quotas of capital flow calls together."""
        return QuotaView(self._thread, self._client.flow_quota)

    def answered_by(self, code: str) -> str | None:
        """Return the gateway that gave the latest answer about this security; None if none did."""
        return self._thread.call(self._client.answered_by, code)
