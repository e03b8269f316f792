"""One exchange of an owner with the book of leases: its report, and what is granted. Pure."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._core.store import GRACE

RECHECK = 1 / 15  # of a period: longest wait before asking again, as tokens may be free early
_TERMS = re.compile(r"limit=(\d+), period=(.+), margin=(.+), lease=(.+)")


@dataclass(frozen=True, slots=True)
class Terms:
    """What all owners that share a book must agree on; ``lease`` as in RedisQuota."""

    limit: int
    period: float
    margin: float
    lease: float

    @property
    def expiry(self) -> float:
        """Seconds from a reply until its token is free."""
        return self.period + self.margin

    @property
    def longest(self) -> float:
        """Seconds until the token of an owner that has just died is free."""
        return self.lease + GRACE + self.expiry

    def __str__(self) -> str:
        return (
            f"limit={self.limit}, period={self.period:g}, "
            f"margin={self.margin:g}, lease={self.lease:g}"
        )

    @classmethod
    def parse(cls, text: str) -> Terms:
        """Return the terms in this text. Raises ValueError."""
        match = _TERMS.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} are no terms")
        limit, period, margin, lease = match.groups()
        return cls(int(limit), float(period), float(margin), float(lease))


class Settled(NamedTuple):
    """A lease whose request OpenD can no longer count from now on."""

    name: str
    back_at: float  # on the owner's own clock
    rejected: bool


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Number of tokens wanted: by calls that may use the reserve, and in all."""

    eager: int = 0
    total: int = 0
    ceiling: int = 0
    leave: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What an owner sends in one exchange, begun at ``at``."""

    at: float
    owner: str
    settled: tuple[Settled, ...] = ()
    unused: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """For the leases that may be granted."""
    wanted: TokenRequest = TokenRequest()
    heard: int = 0
    """Number of the latest exchange that the owner heard of: a book with a lower one is old."""
    idle: bool = False
    """True if the account was idle recently: a new ledger need not wait."""

    def dump(self, terms: Terms) -> str:
        """Return the JSON that the script reads."""
        fields = {
            "terms": str(terms),
            "limit": terms.limit,
            "longest": _milliseconds(terms.longest),
            "expiry": _milliseconds(terms.expiry),
            "recheck": _milliseconds(terms.period * RECHECK),
            "settled": [
                [lease.name, _milliseconds(lease.back_at - self.at), lease.rejected]
                for lease in self.settled
            ],
            "unused": self.unused,
            "renewed": self.renewed,
            "owner": self.owner,
            "heard": self.heard,
            "idle": self.idle,
            "names": self.names,
            "eager": self.wanted.eager,
            "ceiling": self.wanted.ceiling,
            "leave": self.wanted.leave,
        }
        return json.dumps(fields, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Grant:
    """What the server replied. Times are seconds from then on."""

    number: int
    """Of this exchange, higher than those of all before it."""
    granted: int
    wait: float
    """Until it is worth asking again."""
    cold: float
    """Until anything at all is granted."""
    rejections: int
    """Rejections that all owners have reported, ever."""
    counted: tuple[float, ...]
    """Until each lease is free that OpenD may have counted."""
    rejected: tuple[float, ...]
    """The same of leases whose requests OpenD rejected."""

    @classmethod
    def load(cls, reply: Any) -> Grant:
        """Return what the script's reply says."""
        number, granted, wait, cold, rejections, counted, rejected = reply
        return cls(
            number=number,
            granted=granted,
            wait=wait / 1000,
            cold=cold / 1000,
            rejections=rejections,
            counted=tuple(milliseconds / 1000 for milliseconds in counted),
            rejected=tuple(milliseconds / 1000 for milliseconds in rejected),
        )


def _milliseconds(seconds: float) -> int:
    """Return the seconds in whole milliseconds: one more, as the server's own are cut off."""
    return math.ceil(seconds * 1000) + 1
