"""A quota that is in use on a client's own event loop."""

from __future__ import annotations

from .._client.group import GroupQuota
from ..quota import Quota
from ._loop_thread import LoopThread


class QuotaView:
    """A quota as it stands, read on the event loop that spends from it."""

    def __init__(self, thread: LoopThread, quota: Quota | GroupQuota) -> None:
        self._thread = thread
        self._quota = quota

    def __repr__(self) -> str:
        return self._thread.call(self._quota.__repr__)

    @property
    def limit(self) -> int:
        """Number of requests allowed in any ``period`` seconds."""
        return self._quota.limit

    @property
    def period(self) -> float:
        """Seconds in which ``limit`` requests are allowed."""
        return self._quota.period

    @property
    def reserve(self) -> int:
        """Number of tokens that sweeps leave to single calls."""
        return self._quota.reserve

    @property
    def margin(self) -> float:
        """Seconds added to ``period`` against clocks that run apart."""
        return self._quota.margin

    @property
    def available(self) -> int:
        """Number of requests that could be sent now."""
        return self._thread.call(lambda: self._quota.available)

    @property
    def waiting(self) -> int:
        """Number of requests that wait for a token; a sweep counts with its next code."""
        return self._thread.call(lambda: self._quota.waiting)

    @property
    def rejections(self) -> int:
        """Number of requests that OpenD rejected for frequency: someone else spends too."""
        return self._thread.call(lambda: self._quota.rejections)

    def eta(self, n: int = 1) -> float:
        """Return the seconds until the ``n``-th further request could go, an estimate."""
        return self._thread.call(self._quota.eta, n)
