"""Faults between a program and OpenD, by a script or by chance, the same each time.

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
    """One thing that goes wrong when a reply is due.

    A fault that a transport does not have (such as BAD_DIGEST on a WebSocket) is skipped
    there: the reply is sent as usual.
    """

    DROP = "the reply never comes"
    DELAY = "the reply comes late, by seconds drawn from Faults.delay"
    DUPLICATE = "the reply comes twice"
    REORDER = "the reply comes after the next one, or after a second"
    WRONG_SERIAL = "the reply carries the serial of no request"
    WRONG_ID = "the reply carries another proto id"
    BAD_DIGEST = "the reply's digest is wrong; TCP only"
    BAD_MAGIC = "the message does not begin as OpenD's do"
    OVER_LONG = "the message is announced to be longer than any may be"
    TRUNCATED = "half a message is sent, then the connection is closed"
    BAD_PROTOBUF = "the reply's body cannot be decoded"
    MISSING_FIELDS = "the reply reports success but lacks required fields"
    PUSH = "an unsolicited notice with the reply's serial is sent before the reply"
    PUSH_FLOOD = "as many unsolicited notices as Faults.flood are sent before the reply"
    REFUSE = "OpenD rejects the request as too frequent, and does not count it"
    GATEWAY_ERROR = "OpenD reports a failure of the vendor's servers, and counts the request"
    CLOSE = "the connection is closed instead of a reply"
    RESET = "the connection is reset instead of a reply; closed, on the memory transport"
    HALF_CLOSE = "OpenD closes its sending side and goes on reading"
    SILENT = "OpenD sends nothing more, and the connection stays open"
    AWAY = "OpenD stops, refuses connections for Faults.away seconds, and starts again"


class Faults:
    """A schedule of faults: which one meets which reply.

    ``script`` is used first, one entry for each reply (None: no fault). After it, each
    reply meets a fault with the probability given in ``rates``, drawn with ``seed``.
    Keep-alives meet no faults, and handshakes only if ``handshake`` is True. ``delay`` is
    (least, most) seconds, ``flood`` a number of notices, ``away`` seconds. ``played``
    counts the faults so far.

    Raises ValueError if a rate is not within 0 and 1, or if they add up to more than 1.
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
        total = sum(self.rates.values())
        if any(not 0 <= rate <= 1 for rate in self.rates.values()) or total > 1 + 1e-9:
            raise ValueError(f"rates must be within 0 and 1 and add up to at most 1: {self.rates}")
        self.handshake = handshake
        self.delay = delay
        self.flood = flood
        self.away = away
        self.played: Counter[Fault] = Counter()
        self._script: Iterator[Fault | None] = iter(script)
        self._random = random.Random(seed)

    def next(self, *, handshake: bool = False) -> Fault | None:
        """Return the fault for the next reply, or None."""
        if handshake and not self.handshake:
            return None
        try:
            fault = next(self._script)
        except StopIteration:
            fault = self._draw()
        if fault is not None:
            self.played[fault] += 1
        return fault

    def draw_delay(self) -> float:
        """Return the seconds by which a late reply comes late."""
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


NO_FAULTS = Faults()
