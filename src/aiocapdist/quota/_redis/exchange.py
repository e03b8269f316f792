"""What a holder tells and asks the book of leases in one exchange, and what it is told. Pure."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._core.store import GRACE

RECHECK = 1 / 15  # of a period: how long at most until asking again, as tokens may come early


class Settled(NamedTuple):
    """A lease whose request OpenD can no longer count from now on."""

    name: str
    back_at: float  # on the holder's own clock
    refused: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """What all who share a book must agree on; ``lease`` as in RedisQuota."""

    limit: int
    period: float
    margin: float
    lease: float

    @property
    def cooldown(self) -> float:
        """Seconds that a token cools after its reply."""
        return self.period + self.margin

    @property
    def longest(self) -> float:
        """Seconds until the token of a holder that has just died is back."""
        return self.lease + GRACE + self.cooldown

    def __str__(self) -> str:
        return (
            f"limit={self.limit}, period={self.period:g}, "
            f"margin={self.margin:g}, lease={self.lease:g}"
        )


@dataclass(frozen=True, slots=True)
class Wish:
    """How many tokens are wanted: by calls that take the last one too, and in all."""

    eager: int = 0
    total: int = 0
    ceiling: int = 0
    leave: int = 0


@dataclass(frozen=True, slots=True)
class Errand:
    """One exchange, begun at ``at``."""

    at: float
    holder: str
    settled: tuple[Settled, ...] = ()
    unused: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    wish: Wish = Wish()

    def written(self, terms: Terms) -> str:
        """It, as the script reads it."""
        fields = {
            "terms": str(terms),
            "limit": terms.limit,
            "longest": _milliseconds(terms.longest),
            "cooldown": _milliseconds(terms.cooldown),
            "recheck": _milliseconds(terms.period * RECHECK),
            "settled": [
                [lease.name, _milliseconds(lease.back_at - self.at), lease.refused]
                for lease in self.settled
            ],
            "unused": self.unused,
            "renewed": self.renewed,
            "holder": self.holder,
            "names": self.names,
            "eager": self.wish.eager,
            "ceiling": self.wish.ceiling,
            "leave": self.wish.leave,
        }
        return json.dumps(fields, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the book said. Times are seconds from then on."""

    granted: int
    wait: float
    """Until it is worth asking again."""
    cold: float
    """Until anything at all is granted."""
    refusals: int
    """That all holders had, ever."""
    counted: tuple[float, ...]
    refused: tuple[float, ...]

    @classmethod
    def read(cls, raw: Any) -> Answer:
        """The script's answer."""
        granted, wait, cold, refusals, counted, refused = raw
        return cls(
            granted=granted,
            wait=wait / 1000,
            cold=cold / 1000,
            refusals=refusals,
            counted=tuple(milliseconds / 1000 for milliseconds in counted),
            refused=tuple(milliseconds / 1000 for milliseconds in refused),
        )


def _milliseconds(seconds: float) -> int:
    """Never too few: one more, since the server's own are cut off."""
    return math.ceil(seconds * 1000) + 1
