"""The blocking client of one OpenD."""

from __future__ import annotations

from .._client import client
from ..models import Status
from ._base import BlockingClient
from ._quota import QuotaView


class Client(BlockingClient[client.Client]):
    """One connection to OpenD and one quota, for any number of threads.

    Created by :func:`aiocapdist.sync.connect`. A ``with`` block or :meth:`close` closes it.
    """

    def __repr__(self) -> str:
        return f"<aiocapdist.sync {repr(self._client)[1:]}"

    @property
    def status(self) -> Status:
        """The state of the connection, now."""
        return self._thread.call(lambda: self._client.status)

    @property
    def quota(self) -> QuotaView:
        """The quota in use: ``available``, ``waiting``, ``rejections``, ``eta(n)``."""
        return QuotaView(self._thread, self._client.quota)

    @property
    def flow_quota(self) -> QuotaView:
        """The quota of capital flow calls, which OpenD counts by themselves."""
        return QuotaView(self._thread, self._client.flow_quota)
