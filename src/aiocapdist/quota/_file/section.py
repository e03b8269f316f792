"""The tokens of one call in a ledger file: who has which, until when. Pure.

A token is free once its time has come, so freeing one writes nothing, and a file that nobody
uses any more is all free in the end. Times count from the machine's start (see :mod:`.owner`).
"""

from __future__ import annotations

from collections import Counter
from math import inf

from .owner import NOBODY, Owner
from .tokens import COOLING, FREE, FREE_TOKEN, HELD, REJECTED, Token, View

WAITERS = 8  # that are remembered: enough to tell others to share


class Section:
    """All tokens of one call of one account, and which owners wait for one."""

    def __init__(self, limit: int, period: float) -> None:
        self.limit = limit
        self.period = period
        self.rejections: int = 0
        """Number of requests that OpenD rejected for frequency."""
        self.waiting: dict[int, float] = {}
        """Instances of owners that wait, the longest waiting first, and until when."""
        self.tokens: list[Token] = [FREE_TOKEN] * limit

    # ---- what an owner does

    def acquire(self, count: int, owner: Owner, now: float, until: float) -> None:
        """Give ``count`` free tokens to the owner, which has them until then."""
        self.waiting.pop(owner.instance, None)
        for index in self._free(now)[:count]:
            self.tokens[index] = Token(HELD, owner, until)

    def release(self, count: int, owner: Owner) -> None:
        """Free ``count`` tokens that the owner holds."""
        for index in self._held(owner)[:count]:
            self.tokens[index] = FREE_TOKEN

    def settle(
        self, count: int, owner: Owner, now: float, until: float, *, rejected: bool = False
    ) -> None:
        """Let ``count`` of the owner's tokens cool until then."""
        self.rejections += count if rejected else 0
        for index in self._own(count, owner, now):
            self.tokens[index] = Token(REJECTED if rejected else COOLING, owner, until)

    def renew(self, count: int, owner: Owner, now: float, until: float) -> None:
        """Renew the owner's lease on ``count`` tokens."""
        for index in self._own(count, owner, now):
            self.tokens[index] = Token(HELD, owner, until)

    def view(self, owner: Owner, now: float) -> View:
        """Return the tokens as this owner sees them."""
        free = mine = others = 0
        counted: list[float] = []
        rejected: list[float] = []
        lease_ends = inf
        for state, holder, until in self.tokens:
            if state == FREE or until <= now:
                free += 1
            elif state == HELD and holder == owner:
                mine += 1
                lease_ends = min(lease_ends, until)
            elif state == HELD:
                others += 1
            else:
                (rejected if state == REJECTED else counted).append(until)
        return View(free, mine, others, counted, rejected, lease_ends)

    # ---- what others do for it

    def other_owners(self, owner: Owner, now: float) -> set[Owner]:
        """Return the other owners that hold tokens."""
        held = [token for token in self.tokens if token.state == HELD and token.until > now]
        return {token.owner for token in held if token.owner != owner}

    def reclaim(self, owner: Owner, until: float) -> None:
        """Let all tokens of a dead owner cool, until then at the latest."""
        for index in self._held(owner):
            token = self.tokens[index]
            self.tokens[index] = Token(COOLING, owner, min(until, token.until))

    def is_free(self, now: float) -> bool:
        """True if all tokens are free."""
        return all(token.state == FREE or token.until <= now for token in self.tokens)

    def cool_all(self, until: float) -> None:
        """Let all tokens cool until then: it is not known what was spent."""
        self.tokens = [Token(COOLING, NOBODY, until)] * self.limit

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
            return Token(COOLING, NOBODY, max(now + left, span))

        self.tokens = [carried(token) for token in self.tokens]
        self.waiting = {}

    # ---- owners that wait

    def wait(self, owner: Owner, now: float, until: float) -> None:
        """Note that the owner waits for a token: others are to leave it a share until then."""
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

    def _free(self, now: float) -> list[int]:
        tokens = enumerate(self.tokens)
        return [index for index, token in tokens if token.state == FREE or token.until <= now]

    def _held(self, owner: Owner) -> list[int]:
        tokens = enumerate(self.tokens)
        held = [index for index, token in tokens if token.state == HELD and token.owner == owner]
        # Those whose leases have ended come last: they count as free.
        return sorted(held, key=lambda index: -self.tokens[index].until)

    def _own(self, count: int, owner: Owner, now: float) -> list[int]:
        """Return ``count`` of the owner's tokens, and free ones in place of lost ones.

        They are lost if the leases ended and others took them, or the file was replaced.
        """
        own = self._held(owner)[:count]
        if len(own) < count:
            others = [index for index in self._free(now) if index not in own]
            own += others[: count - len(own)]
        return own


def _free_at(token: Token) -> float:
    return 0.0 if token.state == FREE else token.until
