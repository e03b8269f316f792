"""Plausible figures for any security: a function of code, seed and time alone. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

STEP = 3  # seconds: figures move this often, as a gateway's do
_OPENS = 9.5 * 3600
_CLOSES = 16 * 3600
_DAY = 86400
_EAST = timezone(timedelta(hours=8))
_NEW_YORK = timezone(timedelta(hours=-5))
_SHARES = (0.18, 0.22, 0.36, 0.24)  # of turnover: super, big, mid, small


class Figures(NamedTuple):
    """Inflow and outflow by size of order, in currency units, and when they were made."""

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


class _Nature(NamedTuple):
    """What stays of one security: how much is traded in a day, and how it leans."""

    turnover: float
    leanings: tuple[float, ...]


@lru_cache(maxsize=8192)
def _nature(code: str, seed: int) -> _Nature:
    digest = blake2b(f"{seed} {code}".encode(), digest_size=16).digest()
    draws = [int.from_bytes(digest[i : i + 2], "big") / 65535 for i in range(0, 16, 2)]
    # From ten million to three thousand million a day, most of them small.
    turnover = 1e7 * math.exp(draws[0] * math.log(300))
    return _Nature(turnover, tuple(draws[1:]))


def figures(code: str, seed: int, now: float) -> Figures:
    """The figures of ``code`` at the Unix time ``now``."""
    zone = _NEW_YORK if code.startswith("US.") else _EAST
    stamp, progress = _session(now, zone)
    turnover, leanings = _nature(code, seed)
    day = stamp // _DAY

    def flows(size: int) -> tuple[float, float]:
        swing = math.sin(6.3 * (progress * (1 + leanings[size + 2]) + leanings[size + 1] * day))
        inflow = 0.5 + 0.2 * (leanings[size] - 0.5) + 0.05 * swing
        amount = turnover * _SHARES[size] * progress
        return float(round(amount * inflow)), float(round(amount * (1 - inflow)))

    (in_super, out_super), (in_big, out_big) = flows(0), flows(1)
    (in_mid, out_mid), (in_small, out_small) = flows(2), flows(3)
    text = datetime.fromtimestamp(stamp, zone).strftime("%Y-%m-%d %H:%M:%S")
    return Figures(
        in_super=in_super,
        in_big=in_big,
        in_mid=in_mid,
        in_small=in_small,
        out_super=out_super,
        out_big=out_big,
        out_mid=out_mid,
        out_small=out_small,
        timestamp=stamp,
        text=text,
    )


def _session(now: float, zone: timezone) -> tuple[int, float]:
    """The time of the last step of the running or last session, and its share of the day."""
    offset = zone.utcoffset(None).total_seconds()
    stamp = int(now) // STEP * STEP
    midnight = (stamp + offset) // _DAY * _DAY - offset
    second = stamp - midnight
    if second < _OPENS + STEP:
        midnight, second = midnight - _DAY, _CLOSES
    while _weekday(midnight + offset) >= 5:
        midnight, second = midnight - _DAY, _CLOSES
    second = min(second, _CLOSES)
    return int(midnight + second), (second - _OPENS) / (_CLOSES - _OPENS)


def _weekday(local: float) -> int:
    """0 is Monday; the Unix epoch was a Thursday."""
    return int(local // _DAY + 3) % 7


def phase(market: str, now: float) -> int:
    """A market's phase number at the Unix time ``now`` (``Qot_Common.QotMarketState``)."""
    zone = _NEW_YORK if market == "US" else _EAST
    local = datetime.fromtimestamp(now, UTC).astimezone(zone)
    hours = local.hour + local.minute / 60
    if local.weekday() >= 5 or not 9.5 <= hours < 16:
        return 6
    if market != "US" and 12 <= hours < 13:
        return 4
    return 3 if hours < 12 else 5
