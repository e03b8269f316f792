"""What can go wrong between a program and OpenD, at will and the same each time.

::

    faults = Faults({Fault.DROP: 0.02, Fault.RESET: 0.01}, seed=7)
    async with Simulator(faults=faults) as opend:
        ...
    print(faults.played)
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum


class Fault(Enum):
    """One thing that goes wrong when a reply is due. ``at the TCP door`` means there alone;
    a fault that a door does not know is left out there, and the reply sent as usual."""

    DROP = "the reply never comes"
    DELAY = "the reply comes late, by seconds drawn from Faults.delay"
    DUPLICATE = "the reply comes twice"
    REORDER = "the reply comes after the next one, or a second later"
    WRONG_SERIAL = "the reply carries a serial that was not asked with"
    WRONG_ID = "the reply carries another proto id"
    BAD_DIGEST = "the reply's digest is wrong; at the TCP door"
    BAD_MAGIC = "what comes is no message of OpenD's"
    OVER_LONG = "a message announces, or has, more bytes than any may have"
    TRUNCATED = "half a message, then the connection ends"
    BAD_PROTOBUF = "the reply's body is no protobuf"
    MISSING_FIELDS = "the reply reports success but lacks what is required"
    PUSH = "a notice nobody asked for comes before the reply, with the reply's serial"
    PUSH_FLOOD = "so many notices come before the reply: Faults.flood"
    REFUSE = "OpenD refuses for frequency, and does not count the request"
    GATEWAY_ERROR = "the vendor's servers failed, OpenD says; it counts the request"
    CLOSE = "the connection is closed instead of a reply"
    RESET = "the connection is reset instead of a reply; at the memory door as CLOSE"
    HALF_CLOSE = "OpenD says nothing more, tells so, and goes on listening"
    SILENT = "OpenD says nothing more, and the connection stays open"
    AWAY = "OpenD ends, refuses connections for Faults.away seconds, and is back"


class Faults:
    """A schedule: which fault meets which reply.

    ``script`` is played first, one entry for each reply that is due (None: no fault); then
    each reply meets a fault by ``rates``, drawn with ``seed``. The hand-shake is spared
    unless ``handshake`` is True, and so are keep-alives. ``delay`` is (least, most) seconds,
    ``flood`` a number of notices, ``away`` seconds. ``played`` counts what was played.

    Raises ValueError for rates that are not shares, or sum up to more than 1.
    """

    def __init__(
        self,
        rates: Mapping[Fault, float] | None = None,
        *,
        script: Iterable[Fault | None] = (),
        seed: int = 0,
        handshake: bool = False,
        delay: tuple[float, float] = (0.1, 2.0),
        flood: int = 1000,
        away: float = 1.0,
    ) -> None:
        self.rates: dict[Fault, float] = dict(rates or {})
        if any(not 0 <= rate <= 1 for rate in self.rates.values()) or self._sum() > 1 + 1e-9:
            raise ValueError(f"rates are shares of 1 and sum up to 1 at most, not {self.rates}")
        self.handshake = handshake
        self.delay = delay
        self.flood = flood
        self.away = away
        self.played: Counter[Fault] = Counter()
        self._script: Iterator[Fault | None] = iter(script)
        self._random = random.Random(seed)

    def next(self, *, greeting: bool = False) -> Fault | None:
        """The fault for the reply that is due now, if one."""
        if greeting and not self.handshake:
            return None
        try:
            fault = next(self._script)
        except StopIteration:
            fault = self._draw()
        if fault is not None:
            self.played[fault] += 1
        return fault

    def lateness(self) -> float:
        """Seconds by which a reply comes late."""
        return self._random.uniform(*self.delay)

    def _draw(self) -> Fault | None:
        if not self.rates:
            return None
        point = self._random.random()
        for fault, rate in self.rates.items():
            if point < rate:
                return fault
            point -= rate
        return None

    def _sum(self) -> float:
        return sum(self.rates.values())


NO_FAULTS = Faults()
