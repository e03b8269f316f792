"""One quota for many machines: a Redis server lends its tokens."""

from __future__ import annotations

import os
import platform
import secrets
from functools import partial

import anyio

from ..._loop import Clock, on_asyncio
from ...errors import QuotaUnavailable
from .._core.fair_queue import Place
from .._core.quota import Quota, Watcher, _is_number
from .borrower import Borrower
from .errand import Terms, Wish
from .server import RedisServer


class RedisQuota(Quota):
    """At most ``limit`` requests in any ``period`` seconds, for all who share ``key`` there.

    ``url`` is ``redis://host:6379/0``, with ``user:password@`` before the host where needed,
    ``rediss://…`` or ``unix:///path``. ``key`` defaults to one that is made of the user id that
    OpenD tells; its WebSocket door does not. ``reserve`` and ``margin`` are as in Quota. All who
    share a key give the same ``limit``, ``period``, ``margin`` and ``lease``.

    Each token is lent: if nothing is heard of its holder for ``lease`` seconds, it serves again
    a second, a ``period`` and a ``margin`` later. Only the server's clock counts. Machines that
    wait at the same time take turns; there is no line over all of them. A server that is new,
    was started anew or has lost the key cannot know what was spent before: it lends nothing
    for ``lease + 1 + period + margin`` seconds. While it is away nothing is sent and calls
    wait, unless ``fallback`` says how many tokens in a period this program may then use by
    itself, once as much time has passed. Whoever loses sight of it, no window is exceeded
    where ``limit`` and all fallbacks together stay within what OpenD allows.

    ``available`` and ``eta`` tell what was last heard of the others; nothing is asked for their
    sake. Needs asyncio and the extra ``redis``. Connecting raises QuotaUnavailable within
    ``lease / 2`` seconds where the server cannot be used; later on, QuotaDegraded and QuotaRestored
    tell. Cancelling is as safe as with Quota: a token that was not used goes back at once.

    Raises ValueError as Quota does, for a lease that is not a positive number of seconds, a
    fallback that is not between 1 and ``limit``, and for a url or a key that is none;
    ModuleNotFoundError where redis-py is not installed. Source: as Quota.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        limit: int = 30,
        period: float = 30.0,
        *,
        reserve: int = 0,
        margin: float = 0.05,
        lease: float = 10.0,
        fallback: int | None = None,
    ) -> None:
        super().__init__(limit, period, reserve=reserve, margin=margin)
        _check(limit, key, lease, fallback)
        self.lease = lease
        self.fallback = fallback
        self._borrower = Borrower(
            partial(RedisServer, url, lease / 2),
            Terms(limit, period, margin, lease),
            fallback or 0,
            self,
        )
        self._borrower.key = key
        self._key_is_given = key is not None
        self._ledger = self._borrower.leases
        self._stride = 1

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, at {self._borrower.where} {self.key}>"

    @property
    def key(self) -> str | None:
        """Where the server keeps the tokens; None until OpenD has told whose they are."""
        return self._borrower.key

    # ---- what clients do with it

    async def prepare(self) -> None:
        """Look once whether the server can be used: within half a ``lease``. Repeatable.

        Raises QuotaUnavailable where it cannot, and on trio. Cancelling leaves nothing open.
        """
        if not on_asyncio():
            raise QuotaUnavailable(
                self._borrower.where,
                "redis-py speaks to it on asyncio only, and this is trio",
                "run on asyncio",
            )
        await self._borrower.visit(self._clock)

    def attach(self, clock: Clock, watcher: Watcher) -> None:
        super().attach(clock, watcher)
        if self._users == 1:
            # Anew for each loop: after a fork there are two of us. Where from, for who looks.
            here = f"{platform.node()}.{os.getpid()}"
            self._borrower.leases.holder = f"{here}.{secrets.token_hex(4)}"

    def bind_account(self, login_user_id: int | None) -> None:
        if self._key_is_given:
            return
        if login_user_id is None:
            raise QuotaUnavailable(
                self._borrower.where,
                "OpenD did not tell who is logged in, so the quota has no key",
                "give RedisQuota a key, the same for all of the account",
            )
        key = f"aiocapdist:{{{login_user_id}:3212}}"
        if self.key not in {None, key}:
            raise QuotaUnavailable(
                self._borrower.where,
                f"it counts for another account: its key is {self.key}",
                "make one RedisQuota for each account",
            )
        self._borrower.key = key
        self._borrower.poke()

    async def run(self) -> None:
        async with self._keeper, anyio.create_task_group() as group:
            assert self._ticker is not None
            group.start_soon(self._ticker.run)
            await self._borrower.run(self._clock)

    def leave(self, lane: Place) -> None:
        super().leave(lane)
        if not self._line.lanes:
            self._borrower.poke()

    def pump(self) -> None:
        if self._seen:
            self._settle()
        super().pump()
        if self._line.lanes:
            self._borrower.poke()

    # ---- what exchanges need (see ._redis.borrower.Owner)

    def _wish(self) -> Wish:
        """What those in line want; of sweeps, which hold out one code each, twice as much as
        was used last time."""
        if self._clock() < self._ceiling.paused_until:
            return Wish()
        eager = patient = 0
        for lane in self._line.lanes:
            if lane.patient:
                patient = max(self._stride, patient + lane.length)
            else:
                eager += lane.length
        return Wish(
            eager=min(eager, self.limit),
            total=min(eager + patient, self.limit),
            ceiling=self._ceiling.value,
            leave=self.reserve,
        )

    def _heard(self, refusals: int) -> None:
        for _ in range(refusals):
            self._was_refused(self._clock())
        leases = self._borrower.leases
        granted = leases.pocket
        self.pump()
        if granted:
            self._stride = 1 if leases.pocket else min(2 * self._stride, self.limit)

    def _is_over(self) -> bool:
        return self._users <= 1


def _check(limit: int, key: str | None, lease: float, fallback: int | None) -> None:
    if key is not None and not (isinstance(key, str) and key):
        raise ValueError(f"key is the name of a key of the server's, not {key!r}")
    if not (_is_number(lease) and lease > 0):
        raise ValueError(f"lease must be a positive number of seconds, not {lease!r}")
    whole = isinstance(fallback, int) and not isinstance(fallback, bool)
    if fallback is not None and not (whole and 1 <= fallback <= limit):
        raise ValueError(f"fallback must be a number of tokens up to {limit}, not {fallback!r}")
