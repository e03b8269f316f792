"""Reads the book of leases on a Redis server: nothing is asked for or changed."""

from __future__ import annotations

import re
from typing import Any

from ...errors import QuotaUnavailable
from .._core.quota import CAPITAL_DISTRIBUTION
from .._core.snapshot import OwnerInfo, Presence, QuotaSnapshot, TokenInfo, take_snapshot
from .connection import RedisConnection
from .exchange import Terms

TIMEOUT = 5.0
"""Seconds that a reply may take."""
DEFAULT_KEYS = f"aiocapdist:*:{CAPITAL_DISTRIBUTION}"

_LEASE = re.compile(r"(held|expiring|rejected):(.+)\.\d+")


async def snapshot_of_server(url: str, key: str | None) -> QuotaSnapshot:
    """Return how the tokens at this key stand now; without a key, at the only one there is.

    Raises QuotaUnavailable within some seconds if the server or the quota cannot be read,
    ValueError for what is no URL, ModuleNotFoundError if redis-py is not installed.
    """
    connection = RedisConnection(url, TIMEOUT)
    try:
        if key is None:
            key = await _only_key(connection)
        book = _pairs(await connection.command("HGETALL", key))
        seconds, microseconds = await connection.command("TIME")
        info = await connection.command("INFO", "server")
    finally:
        await connection.close()
    where = f"{connection.where}, key {key}"
    if not book:
        raise QuotaUnavailable(where, "there is none", "the first program that uses it creates it")
    try:
        terms = Terms.parse(book["terms"])
        restarted = f"run_id:{book['run']}" not in info.split()
    except (KeyError, ValueError):
        raise QuotaUnavailable(where, "its key holds something else", "give another key") from None
    now = int(seconds) + int(microseconds) / 1e6
    return read_book(where, terms, book, now, restarted=restarted)


async def _only_key(connection: RedisConnection) -> str:
    keys: set[str] = set()
    cursor = "0"
    while True:
        words = ("SCAN", cursor, "MATCH", DEFAULT_KEYS, "COUNT", "1000")
        cursor, found = await connection.command(*words)
        keys.update(found)
        if cursor == "0":
            break
    if len(keys) == 1:
        return keys.pop()
    if not keys:
        raise QuotaUnavailable(
            connection.where, f"there is none whose key is {DEFAULT_KEYS}", "give its key"
        )
    raise QuotaUnavailable(
        connection.where, f"there are several: {', '.join(sorted(keys))}", "give the key of one"
    )


def read_book(
    where: str, terms: Terms, book: dict[str, str], now: float, *, restarted: bool
) -> QuotaSnapshot:
    """Return what this book says. ``now`` is the server's time, in seconds."""
    cold = terms.longest if restarted else max(0.0, float(book.get("cold", 0)) / 1000 - now)
    tokens = [_not_before(cold, token) for token in _tokens(book, now, terms)]
    if cold:
        tokens += [TokenInfo(None, False, cold)] * (terms.limit - len(tokens))
    waiting = [value.split()[0] for field, value in book.items() if field.startswith("waiting:")]
    return take_snapshot(
        where,
        terms.limit,
        terms.period,
        tokens=tokens,
        rejections=int(book.get("rejections", 0)),
        waiting=sum(float(until) / 1000 > now for until in waiting),
        unknown_for=cold,
    )


def _tokens(book: dict[str, str], now: float, terms: Terms) -> list[TokenInfo]:
    """Return all tokens that are not free."""
    leases = []
    for field, until in book.items():
        if (lease := _LEASE.fullmatch(field)) and (left := float(until) / 1000 - now) > 0:
            leases.append((lease[2], lease[1] == "held", left))
    # If an owner's lease has ended, what it holds is free some time later.
    heard_of = {
        owner for owner, held, left in leases if held and left > terms.longest - terms.lease
    }
    holding = {owner for owner, held, _ in leases if held}

    def presence(owner: str) -> Presence:
        if owner in heard_of:
            return "alive"
        return "dead" if owner in holding else "out of sight"

    return [
        TokenInfo(
            OwnerInfo(owner, None, presence(owner)),
            held,
            min(left, terms.expiry) if owner in heard_of else left,
        )
        for owner, held, left in leases
    ]


def _not_before(seconds: float, token: TokenInfo) -> TokenInfo:
    return token._replace(back_in=max(token.back_in, seconds))


def _pairs(reply: list[Any] | dict[str, str]) -> dict[str, str]:
    """Return a hash, of which RESP2 makes a list and RESP3 a mapping."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
