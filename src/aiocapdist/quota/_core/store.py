"""Where tokens are kept: in this process, in a file for many, on a server for many machines.

A quota decides who goes next; its store knows how many may go at all.
"""

from __future__ import annotations

from typing import Protocol

GRACE = 1.0
"""Seconds that OpenD may still take in what was sent before the connection broke, or its sender
died."""


class Store(Protocol):
    """``limit`` tokens, each free, held by a request, or cooling until a known time.

    At all times ``free + held + cooling == limit``. Nothing here waits. Times are those of
    the quota's clock.
    """

    @property
    def free(self) -> int: ...
    @property
    def held(self) -> int: ...
    @property
    def cooling(self) -> int: ...
    @property
    def next_back(self) -> float:
        """When :meth:`advance` may next find a token; ``inf`` while nothing is to come."""
        ...

    def usable(self, ceiling: int) -> int:
        """Tokens that are free, as far as ``ceiling`` allows to have spent at once."""
        ...

    def take(self, count: int = 1, ceiling: int | None = None, leave: int = 0) -> int:
        """So many requests are about to be written, of those that are usable under ``ceiling``
        while ``leave`` stay free. Returns how many may be: fewer where others were quicker."""
        ...

    def put_back(self, count: int = 1) -> None:
        """These tokens' requests were never written: free again at once."""
        ...

    def settle(self, count: int, now: float, *, grace: float = 0.0, refused: bool = False) -> None:
        """These tokens' requests can have been counted until ``now`` plus ``grace``."""
        ...

    def advance(self, now: float) -> None:
        """Free what has cooled by ``now``."""
        ...

    def eta(self, n: int, now: float, ceiling: int) -> float:
        """Seconds until the ``n``-th grant from now, if ``ceiling`` tokens are used at a time."""
        ...

    def shift(self, seconds: float) -> None:
        """The quota's clock was replaced by one that runs this far ahead."""
        ...


def estimate(
    n: int,
    now: float,
    *,
    ceiling: int,
    span: float,
    counted: list[float],
    refused: list[float],
) -> float:
    """Seconds until the ``n``-th grant, where ``counted`` and ``refused`` tell when each token
    is back: those whose requests OpenD may have counted, and those that it refused.

    Each round of ``ceiling`` grants is like the first, a ``span`` later.
    """
    rounds, index = divmod(n - 1, ceiling)
    # A token must be free, and what OpenD may have counted must be below the ceiling.
    grant_at = sorted(counted + refused)[index]
    below = index + len(counted) - ceiling
    if below >= 0:
        grant_at = max(grant_at, sorted(counted)[below])
    return max(0.0, grant_at - now) + rounds * span
