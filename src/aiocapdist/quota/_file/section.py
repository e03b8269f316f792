"""The tokens of one call in a ledger file: who has which, until when. Pure.

A token is free once its time has come, so freeing one writes nothing, and a file that nobody
uses any more is all free in the end. Times count from the machine's start (see :mod:`.owner`).

Tokens are kept as the file has them, one record after the other: with thousands of them, making
objects of all would hold up the event loop for milliseconds at each change.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import compress, islice
from math import inf

from .owner import NOBODY, Owner
from .tokens import (
    EXPIRING,
    FREE,
    FREE_TOKEN,
    HELD,
    OWNER_AT,
    RECORD_SIZE,
    REJECTED,
    Token,
    View,
)

WAITERS = 8  # that are remembered: enough to tell others to share
# Tables for bytes.translate(): states as they count, what no program has written as spent; and 1
# for the state in question, else 0.
_STATES = bytes(byte if byte <= REJECTED else EXPIRING for byte in range(256))
_IS = [bytes(byte == state for byte in range(256)) for state in (FREE, HELD, EXPIRING, REJECTED)]


class Section:
    """All tokens of one call of one account, and which owners wait for one."""

    def __init__(self, limit: int, period: float, records: bytes | None = None) -> None:
        self.limit = limit
        self.period = period
        self.records: bytearray = bytearray(records or FREE_TOKEN.pack() * limit)
        """The tokens, packed."""
        self._columns: tuple[bytes, tuple[float, ...]] | None = None  # of the records
        self.rejections: int = 0
        """Number of requests that OpenD rejected for frequency."""
        self.waiting: dict[int, float] = {}
        """Instances of owners that wait, the longest waiting first, and until when."""

    @property
    def tokens(self) -> list[Token]:
        """All tokens, unpacked."""
        return [self._token(index) for index in range(self.limit)]

    @tokens.setter
    def tokens(self, tokens: list[Token]) -> None:
        self.records = bytearray(b"".join(token.pack() for token in tokens))
        self._columns = None

    # ---- what an owner does

    def acquire(self, count: int, owner: Owner, now: float, until: float) -> None:
        """Give ``count`` free tokens to the owner, which holds them until ``until``."""
        self.waiting.pop(owner.instance, None)
        self._put(list(islice(self._free(now), count)), Token(HELD, owner, until))

    def release(self, count: int, owner: Owner) -> None:
        """Free ``count`` tokens that the owner holds."""
        self._put(self._held_by(owner)[:count], FREE_TOKEN)

    def settle(
        self, count: int, owner: Owner, now: float, until: float, *, rejected: bool = False
    ) -> None:
        """Let ``count`` of the owner's tokens expire at ``until``."""
        self.rejections += count if rejected else 0
        state = REJECTED if rejected else EXPIRING
        self._put(self._own(count, owner, now), Token(state, owner, until))

    def renew(self, count: int, owner: Owner, now: float, until: float) -> None:
        """Renew the owner's lease on ``count`` tokens."""
        self._put(self._own(count, owner, now), Token(HELD, owner, until))

    def view(self, owner: Owner, now: float) -> View:
        """Return the tokens as this owner sees them."""
        counted, rejected = self._expiring(EXPIRING, now), self._expiring(REJECTED, now)
        held = [(holder, until) for _, holder, until in self._held() if until > now]
        me = _packed(owner)
        mine = [until for holder, until in held if holder == me]
        return View(
            free=self.limit - len(counted) - len(rejected) - len(held),
            mine=len(mine),
            others=len(held) - len(mine),
            counted=counted,
            rejected=rejected,
            lease_ends=min(mine, default=inf),
        )

    # ---- what others do for it

    def other_owners(self, owner: Owner, now: float) -> set[Owner]:
        """Return the other owners that hold tokens."""
        held = {holder: index for index, holder, until in self._held() if until > now}
        return {self._token(index).owner for index in held.values()} - {owner}

    def reclaim(self, owner: Owner, until: float) -> None:
        """Let all tokens of a dead owner expire at ``until``, or earlier if their lease ends."""
        for index in self._held_by(owner):
            self._put([index], Token(EXPIRING, owner, min(until, self._token(index).until)))

    def is_free(self, now: float) -> bool:
        """True if all tokens are free."""
        return all(
            state == FREE or until <= now for state, until in zip(*self._read(), strict=True)
        )

    def expire_all(self, until: float) -> None:
        """Let all tokens expire at ``until``: it is not known what was spent."""
        self.tokens = [Token(EXPIRING, NOBODY, until)] * self.limit

    def merge(self, other: Section) -> None:
        """Take over what another section of the same call knew.

        A token of which each tells something else counts as two: one too few is the lesser harm.
        """
        both = Counter(self.tokens) | Counter(other.tokens)
        self.tokens = sorted(both.elements(), key=_free_at)[-self.limit :]
        self.rejections = max(self.rejections, other.rejections)

    def restarted(self, now: float, epoch: float, new_epoch: float, span: float) -> None:
        """Carry the tokens over a restart of the machine.

        The epochs are the wall clock's time at each start. What was spent before the restart
        is free a ``span`` after it. The wall clock counts as well, should the file come from
        another machine, but for one span at most.
        """
        wall = now + new_epoch

        def carried(token: Token) -> Token:
            if token.state == FREE:
                return FREE_TOKEN
            left = min(max(0.0, token.until + epoch - wall), span)
            return Token(EXPIRING, NOBODY, max(now + left, span))

        self.tokens = [carried(token) for token in self.tokens]
        self.waiting = {}

    # ---- owners that wait

    def wait(self, owner: Owner, now: float, until: float) -> None:
        """Note that the owner waits for a token: others leave it a share until ``until``."""
        me = owner.instance
        self.waiting = {who: end for who, end in self.waiting.items() if end > now or who == me}
        if me in self.waiting or len(self.waiting) < WAITERS:
            self.waiting[me] = until

    def others_waiting(self, owner: Owner, now: float) -> tuple[int, int]:
        """Return how many other owners wait, and how many of them longer than this one."""
        instances = [instance for instance, until in self.waiting.items() if until > now]
        if owner.instance not in instances:
            return len(instances), len(instances)
        return len(instances) - 1, instances.index(owner.instance)

    # ---- internals

    def _token(self, index: int) -> Token:
        start = index * RECORD_SIZE
        return Token.unpack(self.records[start : start + RECORD_SIZE])

    def _put(self, indexes: Iterable[int], token: Token) -> None:
        self._columns = None
        record = token.pack()
        for index in indexes:
            start = index * RECORD_SIZE
            self.records[start : start + RECORD_SIZE] = record

    def _read(self) -> tuple[bytes, tuple[float, ...]]:
        """Return the state of each token, and until when each has it."""
        if self._columns is None:
            states = bytes(self.records[::RECORD_SIZE]).translate(_STATES)
            self._columns = states, _times(self.limit).unpack(self.records)
        return self._columns

    def _expiring(self, wanted: int, now: float) -> list[float]:
        """Return when each token of this state is free."""
        states, times = self._read()
        if wanted not in states:
            return []
        ends = sorted(compress(times, states.translate(_IS[wanted])))
        return ends[bisect_right(ends, now) :]

    def _free(self, now: float) -> Iterator[int]:
        states, times = self._read()
        yield from compress(range(self.limit), states.translate(_IS[FREE]))
        for index, until in enumerate(times):
            if until <= now and states[index] != FREE:
                yield index

    def _held(self) -> Iterator[tuple[int, bytes, float]]:
        """Yield the index of each held token, its owner, packed, and the end of its lease."""
        states, times = self._read()
        if HELD not in states:
            return
        for index in compress(range(self.limit), states.translate(_IS[HELD])):
            start = index * RECORD_SIZE
            holder = self.records[start + OWNER_AT.start : start + OWNER_AT.stop]
            yield index, bytes(holder), times[index]

    def _held_by(self, owner: Owner) -> list[int]:
        me = _packed(owner)
        mine = [(-until, index) for index, holder, until in self._held() if holder == me]
        # Those whose leases have ended come last: they count as free.
        return [index for _, index in sorted(mine)]

    def _own(self, count: int, owner: Owner, now: float) -> list[int]:
        """Return ``count`` of the owner's tokens, and free ones in place of lost ones.

        They are lost if the leases ended and others took them, or the file was replaced.
        """
        own = self._held_by(owner)[:count]
        if len(own) < count:
            others = (index for index in self._free(now) if index not in own)
            own += list(islice(others, count - len(own)))
        return own


@lru_cache(64)
def _packed(owner: Owner) -> bytes:
    """Return the owner as a record has it."""
    return Token(FREE, owner, 0.0).pack()[OWNER_AT]


@lru_cache(8)
def _times(limit: int) -> struct.Struct:
    """Return what reads the times of this many records."""
    return struct.Struct("<" + f"{RECORD_SIZE - 8}xd" * limit)


def _free_at(token: Token) -> float:
    return 0.0 if token.state == FREE else token.until
