"""Which of a watch's codes is asked next, and when. Pure: times come in as arguments."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from math import inf
from typing import NamedTuple, Self

from ..errors import AiocapdistError, own_copy
from ..models import CapitalDistribution, Market, Security
from .kinds import SharedRequest
from .single_flight import CachedAnswer


class Observation(NamedTuple):
    """An answer about one security: a value or an error."""

    value: CapitalDistribution | None
    error: AiocapdistError | None
    gateway: str | None
    seen_at: datetime

    @classmethod
    def of_request(cls, request: SharedRequest[str, CapitalDistribution]) -> Self:
        """Return what a request that is done came to."""
        error = None if request.error is None else own_copy(request.error)
        gateway = None if request.route is None else request.route.name
        return cls(request.value, error, gateway, datetime.now(UTC))

    @classmethod
    def of_answer(cls, answer: CachedAnswer[CapitalDistribution], now: float) -> Self:
        """Return what somebody else was answered before; ``now`` is by the loop's clock."""
        seen_at = datetime.now(UTC) - timedelta(seconds=now - answer.at)
        return cls(answer.value, None, answer.gateway, seen_at)

    def repeats(self, other: Observation) -> bool:
        """True if there is nothing new in this answer after the other one."""
        if self.error is not None or other.error is not None:
            return type(self.error) is type(other.error)
        return self.value == other.value


class WatchedCode:
    """A code of a watch, and its latest answer."""

    __slots__ = (
        "answered_at",
        "asked_at",
        "code",
        "last_turn",
        "latest",
        "request",
        "round",
        "security",
        "settled_at",
    )

    def __init__(self, code: str, security: Security) -> None:
        self.code: str = code
        self.security: Security = security
        self.request: SharedRequest[str, CapitalDistribution] | None = None
        """The request that has no reply yet."""
        self.asked_at: float = -inf
        self.latest: Observation | None = None
        self.answered_at: float = -inf
        """When the latest answer came, by the loop's clock."""
        self.settled_at: float | None = None
        """When the request was made that OpenD answered last; None if it answered none."""
        self.last_turn: int = 0
        """Number of the turn that it had last, or after which it was added."""
        self.round: int = 0
        """The last round in which it had its turn, or rested."""


class Rounds:
    """Turns of codes. One that is new has its turn at once, then once in each ``span`` seconds.

    Turns are in a fixed order and evenly spread. ``every`` is the wanted span, ``rate`` the
    number of requests a second that the quota allows: for too many codes the span is longer.
    Turns that are late are made up for at that rate, but no more than one round of them.
    """

    def __init__(self, every: float, rate: float) -> None:
        self._every = every
        self._gap = 1 / rate
        self._new: OrderedDict[str, WatchedCode] = OrderedDict()
        self._ring: OrderedDict[str, WatchedCode] = OrderedDict()
        self._resting: dict[Market, OrderedDict[str, WatchedCode]] = {}
        self.next: WatchedCode | None = None
        """The code whose turn it is."""
        self._from_ring = False
        self._ring_goes_first = False
        self._ring_due = inf
        self._ring_served = -inf
        self._turns = 0
        self._round = 0
        self._round_began: float | None = None
        self.round_time: float | None = None
        """Seconds from the start of the last whole round to the start of the next one."""

    # ---- properties

    @property
    def span(self) -> float:
        """Seconds in which each code has one turn."""
        active = len(self._new) + len(self._ring) + (self.next is not None)
        return max(self._every, active * self._gap)

    @property
    def due(self) -> float:
        """When :meth:`pick` finds a code; inf if never."""
        return -inf if self._new else self._next_in_ring

    @property
    def _next_in_ring(self) -> float:
        return max(self._ring_due, self._ring_served + self._gap) if self._ring else inf

    # ---- turns

    def pick(self, now: float) -> WatchedCode | None:
        """Return the code whose turn it is, as ``next``; None if none is due."""
        in_ring = self._next_in_ring <= now
        # In turns, so that codes that keep being added do not hold up the others. But those
        # that were added before a code had its last turn have theirs before its next one.
        if self._new and not (in_ring and self._ring_goes_first and self._ring_waits_longer()):
            self._ring_goes_first, self._from_ring = True, False
            _, self.next = self._new.popitem(last=False)
        elif in_ring:
            self._ring_goes_first, self._from_ring = False, True
            _, self.next = self._ring.popitem(last=False)
        return self.next

    def served(self, now: float) -> None:
        """End the turn of ``next``: it goes behind all others."""
        code, span = self.next, self.span
        assert code is not None
        self.next = None
        if self._from_ring:
            self._ring_due = max(self._ring_due, now - span) + span / (len(self._ring) + 1)
            self._ring_served = now
        elif not self._ring:
            self._ring_due = now + span
        self._ring[code.code] = code
        self._turns += 1
        code.last_turn = self._turns
        self._count_round(code, now)

    def _ring_waits_longer(self) -> bool:
        return next(iter(self._ring.values())).last_turn <= next(iter(self._new.values())).last_turn

    def pause(self) -> None:
        """Give no code a turn for now: the time until the next turn belongs to no round."""
        self._round_began = None

    def _count_round(self, code: WatchedCode, now: float) -> None:
        if self._round_began is None:
            self._round += 1
            self._round_began = now
        elif code.round == self._round:  # so all others had a turn as well
            self._round += 1
            self.round_time = now - self._round_began
            self._round_began = now
        code.round = self._round

    # ---- codes come, go and rest

    def add(self, code: WatchedCode) -> None:
        """Add a new code, or one that is to have its turn at once."""
        self._remove(code)
        code.last_turn = self._turns
        self._new[code.code] = code

    def discard(self, code: WatchedCode) -> None:
        """Remove a code."""
        self._remove(code)
        self._pause_if_idle()

    def rest(self) -> None:
        """Give ``next`` no turns until its market wakes."""
        code, self.next = self.next, None
        assert code is not None
        self._resting.setdefault(code.security.market, OrderedDict())[code.code] = code
        self._pause_if_idle()

    def wake(self, market: Market, now: float) -> None:
        """Give the codes of this market turns again, evenly from now on."""
        codes = self._resting.pop(market, None)
        if codes:
            idle = not self._ring
            for code in codes.values():
                code.round = self._round  # as if it had just had its turn
            self._ring.update(codes)
            # So that the last of them has its turn within a span from now.
            soon = now if idle else now + self.span / len(self._ring)
            self._ring_due = soon if idle else min(self._ring_due, soon)

    def _remove(self, code: WatchedCode) -> None:
        if self.next is code:
            self.next = None
        for codes in (self._new, self._ring, *self._resting.values()):
            codes.pop(code.code, None)

    def _pause_if_idle(self) -> None:
        if not (self._new or self._ring or self.next is not None):
            self.pause()
