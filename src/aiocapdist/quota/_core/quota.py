"""The public face of a quota: what it was made with, and how it stands."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

from .ledger import Ledger
from .scheduler import Scheduler
from .store import Store

CAPITAL_DISTRIBUTION = "3212"
"""The call that a quota counts unless it is a sibling: OpenD's number of it."""


class Quota:
    """At most ``limit`` requests in any ``period`` seconds, exactly, for all who share it.

    Give one quota to several clients of one account and event loop, and they share it.
    Source: 30 calls of proto 3212 in 30 seconds (the vendor's page on this call).

    :param limit: Number of requests.
    :param period: Seconds.
    :param reserve: Tokens that sweeps and watches leave alone, for single calls.
    :param margin: Seconds added to the period, against clocks that run apart.
    :raises ValueError: A limit below 1, a period or margin that is not a finite number of
        seconds, or a reserve that leaves sweeps nothing.
    """

    def __init__(
        self, limit: int = 30, period: float = 30.0, *, reserve: int = 0, margin: float = 0.05
    ) -> None:
        check_numbers(limit, period, reserve, margin)
        self._set_up(limit, period, reserve, margin, lambda call: Ledger(limit, period, margin))

    def _set_up(
        self,
        limit: int,
        period: float,
        reserve: int,
        margin: float,
        new_store: Callable[[str], Store],
    ) -> None:
        """Count in the stores that ``new_store`` makes, one for each call of OpenD's."""
        self._numbers = (limit, period, reserve, margin)
        self._new_store = new_store
        self._count(CAPITAL_DISTRIBUTION)

    def _count(self, call: str) -> None:
        limit, period, reserve, margin = self._numbers
        store = self._new_store(call)
        self._scheduler = Scheduler(store, limit, period, reserve=reserve, margin=margin)
        self._siblings: dict[str, Quota] = {}

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.limit} per {self.period:g} s: "
            f"{self.available} available, {self.waiting} waiting, {self.rejections} rejections>"
        )

    @property
    def limit(self) -> int:
        """Number of requests allowed in any ``period`` seconds."""
        return self._scheduler.limit

    @property
    def period(self) -> float:
        """Seconds in which ``limit`` requests are allowed."""
        return self._scheduler.period

    @property
    def reserve(self) -> int:
        """Number of tokens that sweeps leave to single calls."""
        return self._scheduler.reserve

    @property
    def margin(self) -> float:
        """Seconds added to ``period`` against clocks that run apart."""
        return self._scheduler.margin

    @property
    def available(self) -> int:
        """Number of requests that could be sent now."""
        return self._scheduler.available

    @property
    def waiting(self) -> int:
        """Number of requests that wait for a token; a sweep counts with its next code."""
        return self._scheduler.waiting

    @property
    def rejections(self) -> int:
        """Number of requests that OpenD rejected for frequency: someone else spends too."""
        return self._scheduler.rejections

    def eta(self, n: int = 1) -> float:
        """Return the seconds until the ``n``-th further request could go, an estimate.

        Requests that wait already are taken to go first. Raises ValueError for ``n`` below 1.
        """
        if n < 1:
            raise ValueError(f"n is the number of requests from now, at least 1, not {n}")
        return self._scheduler.eta(n)


def scheduler_of(quota: Quota) -> Scheduler:
    """Return the object by which clients use this quota."""
    return quota._scheduler


def sibling(quota: Quota, call: str) -> Quota:
    """Return the quota of another call, with the same numbers and in the same place.

    ``call`` is OpenD's number of it, such as ``"3211"``. A sibling of a Quota is in this
    process, of a FileQuota in the same file, of a RedisQuota on the same server under a key
    that ends in ``:3211``. All who share a quota share its siblings.
    """
    found = quota._siblings.get(call)
    if found is None:
        found = copy.copy(quota)
        found._count(call)
        quota._siblings[call] = found
    return found


def check_numbers(limit: int, period: float, reserve: int, margin: float) -> None:
    """Raise ValueError for numbers that no quota can be made with."""
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit must be a whole number of requests, at least 1, not {limit!r}")
    if not (is_number(period) and period > 0):
        raise ValueError(f"period must be a positive number of seconds, not {period!r}")
    if not (is_number(margin) and margin >= 0):
        raise ValueError(f"margin must be a number of seconds, 0 or more, not {margin!r}")
    if not (isinstance(reserve, int) and 0 <= reserve < limit):
        raise ValueError(f"reserve must lie between 0 and limit - 1, not {reserve!r}")


def is_number(value: object) -> bool:
    """True for a finite int or float."""
    return isinstance(value, int | float) and math.isfinite(value)
