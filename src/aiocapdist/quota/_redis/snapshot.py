"""Reading the book of leases on a Redis server: nothing is asked for or changed."""

from __future__ import annotations

import re
from typing import Any

from ...errors import QuotaUnavailable
from .._core.snapshot import Owner, Presence, QuotaSnapshot, Token, overview
from .errand import Terms
from .server import RedisServer

PATIENCE = 5.0
"""Seconds that an answer may take."""
DEFAULT_KEYS = "aiocapdist:*"

_TERMS = re.compile(r"limit=(\d+), period=(.+), margin=(.+), lease=(.+)")
_LEASE = re.compile(r"(held|cooling|refused):(.+)\.\d+")


async def overview_of_server(url: str, key: str | None) -> QuotaSnapshot:
    """How the tokens at this key stand now; without a key, at the only one that there is.

    Raises QuotaUnavailable within some seconds where the server or the quota cannot be read,
    ValueError for what is no URL, ModuleNotFoundError where redis-py is not installed.
    """
    server = RedisServer(url, PATIENCE)
    try:
        if key is None:
            key = await _only_key(server)
        book = _pairs(await server.ask("HGETALL", key))
        seconds, microseconds = await server.ask("TIME")
        info = await server.ask("INFO", "server")
    finally:
        await server.close()
    where = f"{server.where}, key {key}"
    if not book:
        raise QuotaUnavailable(where, "there is none", "the first program that uses it makes it")
    if "run" not in book:
        raise QuotaUnavailable(where, "its key holds something else", "give another key")
    started_anew = f"run_id:{book['run']}" not in info.split()
    return read(where, book, int(seconds) + int(microseconds) / 1e6, started_anew=started_anew)


async def _only_key(server: RedisServer) -> str:
    keys: set[str] = set()
    cursor = "0"
    while True:
        cursor, found = await server.ask("SCAN", cursor, "MATCH", DEFAULT_KEYS, "COUNT", "1000")
        keys.update(found)
        if cursor == "0":
            break
    if len(keys) == 1:
        return keys.pop()
    if not keys:
        raise QuotaUnavailable(
            server.where, f"there is none whose key is {DEFAULT_KEYS}", "give its key"
        )
    raise QuotaUnavailable(
        server.where, f"there are several: {', '.join(sorted(keys))}", "give the key of one"
    )


def read(where: str, book: dict[str, str], now: float, *, started_anew: bool) -> QuotaSnapshot:
    """What this book says. ``now`` is the server's time, in seconds."""
    terms = _terms(book["terms"])
    cold = terms.longest if started_anew else max(0.0, float(book.get("cold", 0)) / 1000 - now)
    tokens = [_cold_too(token, cold) for token in _tokens(book, now, terms)]
    if cold:
        tokens += [Token(None, False, cold)] * (terms.limit - len(tokens))
    asking = [value.split()[0] for field, value in book.items() if field.startswith("asking:")]
    return overview(
        where,
        terms.limit,
        terms.period,
        tokens=tokens,
        refused=int(book.get("refusals", 0)),
        waiting=sum(float(until) / 1000 > now for until in asking),
        unknown_for=cold,
    )


def _tokens(book: dict[str, str], now: float, terms: Terms) -> list[Token]:
    """All that are not free."""
    leases = []
    for field, until in book.items():
        if (lease := _LEASE.fullmatch(field)) and (left := float(until) / 1000 - now) > 0:
            leases.append((lease[2], lease[1] == "held", left))
    # Where a holder's lease has ended, what it holds is free some time later.
    heard_of = {
        holder for holder, held, left in leases if held and left > terms.longest - terms.lease
    }
    holding = {holder for holder, held, _ in leases if held}

    def presence(holder: str) -> Presence:
        if holder in heard_of:
            return "alive"
        return "dead" if holder in holding else "out of sight"

    return [
        Token(
            Owner(holder, None, presence(holder)),
            held,
            min(left, terms.cooldown) if holder in heard_of else left,
        )
        for holder, held, left in leases
    ]


def _cold_too(token: Token, cold: float) -> Token:
    return token._replace(back_in=max(token.back_in, cold))


def _terms(text: str) -> Terms:
    match = _TERMS.fullmatch(text)
    assert match is not None
    limit, period, margin, lease = match.groups()
    return Terms(int(limit), float(period), float(margin), float(lease))


def _pairs(flat: list[Any]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
