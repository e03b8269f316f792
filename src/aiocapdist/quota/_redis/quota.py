"""One quota for many machines: a Redis server lends its tokens."""

from __future__ import annotations

from functools import partial

from .._core.quota import Quota, check_numbers, is_number
from .connection import RedisConnection
from .exchange import Terms
from .store import RedisStore


class RedisQuota(Quota):
    """A :class:`Quota` for any number of machines, kept on a Redis or Valkey server.

    Each token is lent: if its owner is not heard of for ``lease`` seconds, it is free again
    a second, a ``period`` and a ``margin`` later. Only the server's clock counts. Machines that
    wait at the same time take turns; there is no queue over all of them.

    A server that is new, was restarted or has lost the key cannot know what was spent before:
    it lends nothing for ``lease + 1 + period + margin`` seconds. While the server is away
    nothing is sent and calls wait, unless there is a ``fallback``.

    ``available`` and ``eta`` say what was last heard of the others; the server is not asked.
    Needs asyncio and the extra ``redis``. Once connected, QuotaDegraded and QuotaRestored tell
    of losses. Cancelling is as safe as with Quota: a token that was not used goes back at once.
    Source: as Quota.

    :param url: ``redis://host:6379/0``, with ``user:password@`` before the host where needed,
        ``rediss://…`` or ``unix:///path``.
    :param key: By default made of the user id that OpenD reports; its WebSocket does not.
    :param limit: As in :class:`Quota`, and so are ``period``, ``reserve`` and ``margin``. All who
        share a key give the same ``limit``, ``period``, ``margin`` and ``lease``.
    :param lease: Seconds for which a token is lent to an owner that is not heard of.
    :param fallback: Tokens in a period that this program may use alone while the server is away,
        once all that others may have spent has expired. No window is exceeded as long as
        ``limit`` and all fallbacks together stay within what OpenD allows.
    :param assume_idle: The account was idle before this program started: a new key lends at once,
        until the server was first heard.
    :raises ValueError: As by :class:`Quota`, or a wrong lease, fallback, url or key.
    :raises ModuleNotFoundError: redis-py is not installed.
    :raises QuotaUnavailable: When connecting, within ``lease / 2`` seconds: the server cannot be
        used.
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
        assume_idle: bool = False,
    ) -> None:
        check_numbers(limit, period, reserve, margin)
        _check(limit, key, lease, fallback)
        self.lease: float = lease
        """Seconds for which a token is lent to an owner that is not heard of."""
        self.fallback: int | None = fallback
        """Number of tokens that this program may use in a period while the server is away."""
        connect = partial(RedisConnection, url, lease / 2)
        terms = Terms(limit, period, margin, lease)
        new_store = partial(
            RedisStore,
            connect,
            key,
            terms=terms,
            fallback=fallback or 0,
            assume_idle=bool(assume_idle),
        )
        self._set_up(limit, period, reserve, margin, new_store)

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, at {self.where} {self.key}>"

    @property
    def key(self) -> str | None:
        """Where the server keeps the tokens; None until OpenD has told whose they are."""
        store = self._scheduler.store
        assert isinstance(store, RedisStore)
        return store.key

    @property
    def where(self) -> str:
        """The server's host, port and database, or its socket's path, without a password."""
        return self._scheduler.store.where


def _check(limit: int, key: str | None, lease: float, fallback: int | None) -> None:
    if key is not None and not (isinstance(key, str) and key):
        raise ValueError(f"key is the name of a key of the server's, not {key!r}")
    if not (is_number(lease) and lease > 0):
        raise ValueError(f"lease must be a positive number of seconds, not {lease!r}")
    whole = isinstance(fallback, int) and not isinstance(fallback, bool)
    if fallback is not None and not (whole and 1 <= fallback <= limit):
        raise ValueError(f"fallback must be a number of tokens up to {limit}, not {fallback!r}")
