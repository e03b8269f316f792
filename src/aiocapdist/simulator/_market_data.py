"""Plausible figures for any security: a function of code, seed and time alone. Pure."""

from __future__ import annotations

import math
from datetime import datetime, time, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from hashlib import blake2b
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

STEP = 3
"""Seconds between two changes of a security's figures, as with a real OpenD."""

_OPENING_SECOND = 9 * 3600 + 1800
_CLOSING_SECOND = 16 * 3600
_DAY = 86400
_EAST = timezone(timedelta(hours=8))
_SHARES = (0.18, 0.22, 0.36, 0.24)  # of turnover: super, big, mid, small


class Figures(NamedTuple):
    """Inflow and outflow by size of order, in the market's currency, and their time."""

    in_super: float
    in_big: float
    in_mid: float
    in_small: float
    out_super: float
    out_big: float
    out_mid: float
    out_small: float
    timestamp: int
    text: str


class _Profile(NamedTuple):
    """What stays constant for one security: its daily turnover and the bias of its flows."""

    turnover: float
    biases: tuple[float, ...]


@lru_cache(maxsize=8192)
def _profile(code: str, seed: int) -> _Profile:
    digest = blake2b(f"{seed} {code}".encode(), digest_size=16).digest()
    draws = [int.from_bytes(digest[i : i + 2], "big") / 65535 for i in range(0, 16, 2)]
    # From ten million to three billion a day, most of them near the lower end.
    turnover = 1e7 * math.exp(draws[0] * math.log(300))
    return _Profile(turnover, tuple(draws[1:]))


def figures(code: str, seed: int, now: float) -> Figures:
    """Return the figures of ``code`` at the Unix time ``now``."""
    zone = zone_of(code.partition(".")[0])
    timestamp, progress, text = _session(int(now) // STEP * STEP, zone)
    turnover, biases = _profile(code, seed)
    day = timestamp // _DAY

    def flows(size: int) -> tuple[float, float]:
        swing = math.sin(6.3 * (progress * (1 + biases[size + 2]) + biases[size + 1] * day))
        inflow = 0.5 + 0.2 * (biases[size] - 0.5) + 0.05 * swing
        amount = turnover * _SHARES[size] * progress
        return float(round(amount * inflow)), float(round(amount * (1 - inflow)))

    (in_super, out_super), (in_big, out_big) = flows(0), flows(1)
    (in_mid, out_mid), (in_small, out_small) = flows(2), flows(3)
    return Figures(
        in_super=in_super,
        in_big=in_big,
        in_mid=in_mid,
        in_small=in_small,
        out_super=out_super,
        out_big=out_big,
        out_mid=out_mid,
        out_small=out_small,
        timestamp=timestamp,
        text=text,
    )


def without_amounts(made: Figures) -> Figures:
    """Return figures of the same time, with all amounts 0."""
    return Figures(0, 0, 0, 0, 0, 0, 0, 0, timestamp=made.timestamp, text=made.text)


@lru_cache(maxsize=1024)
def _session(now: int, zone: tzinfo) -> tuple[int, float, str]:
    """Return when figures last changed, how much of the session is over, and that time as text."""
    local = datetime.fromtimestamp(now, zone)
    day = local.date()
    second = local.hour * 3600 + local.minute * 60 + local.second
    if second < _OPENING_SECOND + STEP:
        day, second = day - timedelta(days=1), _CLOSING_SECOND
    while day.weekday() >= 5:
        day, second = day - timedelta(days=1), _CLOSING_SECOND
    second = min(second, _CLOSING_SECOND)
    progress = (second - _OPENING_SECOND) / (_CLOSING_SECOND - _OPENING_SECOND)
    changed = datetime.combine(day, time(), zone) + timedelta(seconds=second)
    return int(changed.timestamp()), progress, changed.strftime("%Y-%m-%d %H:%M:%S")


@cache
def zone_of(market: str) -> tzinfo:
    """Return a market's time zone: New York with its summer time for US, else UTC+8."""
    if market != "US":
        return _EAST
    try:
        return ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:  # a system without time zones needs the package tzdata
        return timezone(timedelta(hours=-5))


def market_state(market: str, now: float) -> int:
    """Return a market's state (``Qot_Common.QotMarketState``) at the Unix time ``now``."""
    local = datetime.fromtimestamp(now, zone_of(market))
    hours = local.hour + local.minute / 60
    if local.weekday() >= 5 or not 9.5 <= hours < 16:
        return 6
    if market != "US" and 12 <= hours < 13:
        return 4
    return 3 if hours < 12 else 5
