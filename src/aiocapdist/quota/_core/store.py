"""Where a quota's tokens are counted: in this process, in a file, or on a Redis server.

The scheduler decides which request goes next, its store how many may go at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterable
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeAlias

from ..._loop import Clock
from ...errors import QuotaUnavailable

if TYPE_CHECKING:
    from ...events import QuotaDegraded

GRACE = 1.0
"""Seconds for which OpenD may still count a request after its connection broke or its process
died."""

Row: TypeAlias = tuple[float, int, bool]
"""When tokens are free, how many, and whether OpenD rejected their requests."""

KeepTime: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""What grants tokens as they come back, until cancelled."""


class Demand(NamedTuple):
    """What the queued requests want."""

    eager: int = 0
    """Tokens wanted by places that may use the reserve."""
    patient: int = 0
    """Tokens wanted by places that leave the reserve alone."""
    ceiling: int = 0
    """Number of tokens that may be spent at once."""
    leave: int = 0
    """Number of tokens that patient places leave free."""


class Store(Protocol):
    """``limit`` tokens, each free, held by a request, or expiring until a known time.

    At all times ``free + held + expiring == limit``. Nothing here waits, except the coroutines.
    Times are those of ``clock``, which the scheduler sets.
    """

    where: str
    """The file or server, as errors name it."""
    shared: ClassVar[bool]
    """True if other processes see the tokens: replies are then settled at once."""
    clock: Clock

    @property
    def degraded(self) -> QuotaDegraded | None:
        """What keeps the tokens out of reach; None while they can be reached."""
        ...

    @property
    def trouble(self) -> QuotaUnavailable | None:
        """Why no token can be had, for how long is not known; None while tokens come."""
        ...

    @property
    def free(self) -> int: ...
    @property
    def held(self) -> int: ...
    @property
    def expiring(self) -> int: ...
    @property
    def mine(self) -> int:
        """Number of tokens that requests of this quota hold."""
        ...

    @property
    def next_back(self) -> float:
        """When :meth:`advance` may next free a token; ``inf`` if no token is expected."""
        ...

    @property
    def next_duty(self) -> float:
        """When :meth:`advance` must be called even if no request waits; ``inf`` if never."""
        ...

    # ---- tokens

    def usable(self, ceiling: int) -> int:
        """Return the number of free tokens that a limit of ``ceiling`` allows to use."""
        ...

    def acquire(self, count: int = 1, ceiling: int | None = None, leave: int = 0) -> int:
        """Hold up to ``count`` usable tokens while ``leave`` stay free. Return how many.

        They are fewer than :meth:`usable` said if other processes were quicker.
        """
        ...

    def release(self, count: int = 1) -> None:
        """Free held tokens at once: their requests were never written."""
        ...

    def settle(self, count: int, now: float, *, grace: float = 0.0, rejected: bool = False) -> None:
        """Let held tokens expire: OpenD counted their requests by ``now + grace``, if at all."""
        ...

    def advance(self, now: float) -> None:
        """Free what has expired by ``now``, and do what is due."""
        ...

    def demand(self, demand: Demand) -> None:
        """Note what the queued requests want now."""
        ...

    def fresh_rejections(self) -> int:
        """Return the number of other processes' rejections noticed since the last call."""
        ...

    # ---- looking: changes nothing, here or elsewhere

    def available(self, now: float, ceiling: int) -> int:
        """Return what :meth:`usable` would return after :meth:`advance`."""
        ...

    def eta(self, n: int, now: float, ceiling: int) -> float:
        """Return the seconds until the ``n``-th grant from now; ``inf`` if unknown."""
        ...

    # ---- life

    def change_clock(self, clock: Clock) -> float:
        """Count by another clock from now on. Return how far it is ahead of the one before."""
        ...

    async def check(self) -> None:
        """Make sure that the tokens can be reached. Raise QuotaUnavailable if not."""
        ...

    def bind_account(self, login_user_id: int | None) -> None:
        """Learn whose account this is. Raise QuotaUnavailable if it cannot be counted here."""
        ...

    def open(self, on_change: Callable[[], None]) -> None:
        """Begin to be used. ``on_change`` is called when tokens change by themselves."""
        ...

    def close(self) -> None:
        """End being used, until :meth:`open` is called again."""
        ...

    def abandon(self, now: float) -> None:
        """Take the requests in flight for lost: their event loop has ended."""
        ...

    def after_fork(self, now: float) -> None:
        """Drop all that is the parent's: this is the child of a fork."""
        ...

    async def run(self, keep_time: KeepTime) -> None:
        """Run ``keep_time``, and beside it what the store does in the background."""
        ...

    async def stop(self, *, last: bool) -> None:
        """Clean up after :meth:`run`. ``last``: no other client of the quota goes on."""
        ...


class BaseStore:
    """Defaults of a store: methods that do nothing unless they are overridden."""

    shared: ClassVar[bool] = False

    def __init__(self) -> None:
        self.where: str = "this process"
        self.clock: Clock = time.monotonic

    @property
    def degraded(self) -> QuotaDegraded | None:
        return None

    @property
    def trouble(self) -> QuotaUnavailable | None:
        return None

    @property
    def next_duty(self) -> float:
        return inf

    def shift(self, seconds: float) -> None:
        """Move all times: the clock was replaced by one that is this far ahead."""

    def change_clock(self, clock: Clock) -> float:
        ahead = clock() - self.clock()
        self.clock = clock
        self.shift(ahead)
        return ahead

    def demand(self, demand: Demand) -> None:
        """Others do not see what is wanted here."""

    def fresh_rejections(self) -> int:
        return 0

    async def check(self) -> None:
        """There is nothing to reach."""

    def bind_account(self, login_user_id: int | None) -> None:
        """Any account will do."""

    def open(self, on_change: Callable[[], None]) -> None:
        """Nothing changes by itself."""

    def close(self) -> None:
        """Nothing is kept open."""

    async def run(self, keep_time: KeepTime) -> None:
        await keep_time()

    async def stop(self, *, last: bool) -> None:
        """Nothing runs."""


def estimate(
    n: int, now: float, *, ceiling: int, span: float, counted: int, rows: Iterable[Row]
) -> float:
    """Return the seconds until the ``n``-th grant.

    ``rows`` say when all tokens are free, the earliest first; ``counted`` is the number of
    tokens in them whose requests OpenD did not reject. Each round of ``ceiling`` grants is
    like the first, a ``span`` later.
    """
    rounds, before = divmod(n - 1, ceiling)
    # A token must be free, and what OpenD may have counted must be below the ceiling.
    counted_before = before + counted - ceiling
    grant_at = now
    for back_at, count, rejected in rows:
        if before >= 0 or (counted_before >= 0 and not rejected):
            grant_at = back_at
        before -= count
        if not rejected:
            counted_before -= count
        if before < 0 and counted_before < 0:
            break
    return max(0.0, grant_at - now) + rounds * span
