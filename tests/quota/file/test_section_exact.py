"""A section against a slow model: a list of tokens that forgets nothing.

Several owners acquire, settle, lose and renew tokens; some die, the file is replaced by an
older one now and then, and the machine is restarted. At all times ``free + held + expiring`` is
the limit, nothing is free before its time, and each section is read as it was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aiocapdist.quota._file.format import Contents
from aiocapdist.quota._file.owner import Owner
from aiocapdist.quota._file.section import Section
from aiocapdist.quota._file.tokens import EXPIRING, FREE_TOKEN, HELD, REJECTED

from .sections import CALL, LEASED, PERIOD, SPAN, contents_of, state_of, tally

OWNERS = [Owner(100 + n, 1, 1, n) for n in range(1, 5)]
WHO = st.integers(0, len(OWNERS) - 1)
SOME = st.integers(1, 5)


@dataclass
class Spent:
    """One that is not free yet."""

    owner: Owner
    state: int
    until: float


class Shared(RuleBasedStateMachine):
    """A section, and the model of what its tokens are doing."""

    @initialize(limit=st.integers(1, 8))
    def begin(self, limit: int) -> None:
        self.now, self.epoch = 1000.0, 1.7e9
        self.section = Section(limit, PERIOD)
        self.tokens: list[Spent] = []
        self.rejected = 0

    def held(self, owner: Owner) -> list[Spent]:
        return [token for token in self.alive() if token.state == HELD and token.owner == owner]

    def alive(self) -> list[Spent]:
        return [token for token in self.tokens if token.until > self.now]

    # ---- what owners do

    @rule(who=WHO, n=SOME)
    def acquire(self, who: int, n: int) -> None:
        free = self.section.limit - len(self.alive())
        until = self.now + LEASED
        self.section.acquire(min(n, free), OWNERS[who], self.now, until)
        self.tokens += [Spent(OWNERS[who], HELD, until) for _ in range(min(n, free))]

    @rule(who=WHO, n=SOME)
    def release(self, who: int, n: int) -> None:
        held = self.held(OWNERS[who])
        self.section.release(min(n, len(held)), OWNERS[who])
        self.remove(OWNERS[who], min(n, len(held)))

    @rule(who=WHO, n=SOME, rejected=st.booleans(), grace=st.sampled_from([0.0, 1.0]))
    def settle(self, who: int, n: int, rejected: bool, grace: float) -> None:
        owner = OWNERS[who]
        n = min(n, len(self.held(owner)))
        until = self.now + grace + SPAN
        self.section.settle(n, owner, self.now, until, rejected=rejected)
        self.remove(owner, n)
        self.tokens += [Spent(owner, REJECTED if rejected else EXPIRING, until) for _ in range(n)]
        self.rejected += n * rejected

    def remove(self, owner: Owner, n: int) -> None:
        """So many that it holds, those with the longest leases."""
        for token in sorted(self.held(owner), key=lambda token: -token.until)[:n]:
            self.tokens.remove(token)

    @rule(who=WHO)
    def renew(self, who: int) -> None:
        owner, until = OWNERS[who], self.now + LEASED
        mine = self.held(owner)
        self.section.renew(len(mine), owner, self.now, until)
        for token in mine:
            token.until = until

    @rule(who=WHO)
    def reclaim(self, who: int) -> None:
        owner, until = OWNERS[who], self.now + 1.0 + SPAN
        assert (owner in self.section.other_owners(OWNERS[who - 1], self.now)) == bool(
            self.held(owner)
        )
        self.section.reclaim(owner, until)
        for token in self.held(owner):
            token.state, token.until = EXPIRING, min(until, token.until)

    # ---- what happens to all

    @rule(seconds=st.one_of(st.floats(0, 1), st.floats(0, 200)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def until_just_when_one_is_back(self, data: st.DataObject) -> None:
        self.now = max(self.now, data.draw(st.sampled_from(self.tokens)).until)

    @rule(down=st.floats(0, 1e4), up=st.floats(0, 100), wrong=st.sampled_from([0.0, -1e6, 1e6]))
    def the_machine_is_started_again(self, down: float, up: float, wrong: float) -> None:
        """Its clock begins anew; the wall clock may be wrong by days."""
        wall, before = self.now + self.epoch, len(self.alive())
        earlier, self.now, self.epoch = self.epoch, up, wall + down + wrong - up
        self.section.restarted(self.now, earlier, self.epoch, SPAN)
        # Whatever was spent was spent before the start.
        self.tokens = [
            Spent(OWNERS[0], EXPIRING, max(SPAN, token.until))
            for token in self.section.tokens
            if token != FREE_TOKEN
        ]
        assert len(self.tokens) >= before
        assert all(token.until <= self.now + SPAN for token in self.alive())

    @rule(n=SOME, who=WHO)
    def an_older_page_comes_in_its_place_and_is_merged(self, n: int, who: int) -> None:
        """It lacks the latest, and knows of some that nobody else knew."""
        other = Section(self.section.limit, PERIOD)
        half = len(self.section.tokens) // 2
        other.tokens = [*self.section.tokens[:half], *other.tokens[half:]]
        until = self.now + LEASED / 2
        free = tally(other, OWNERS[who], self.now)[0]
        other.acquire(min(n, free), OWNERS[who], self.now, until)
        other.merge(self.section)
        for token in self.alive():  # nothing that was known is forgotten, unless for later ones
            theirs = [token for token in other.tokens if token.until >= token.until]
            assert len(theirs) >= sum(t.until >= token.until for t in self.alive())
        self.section = other
        self.tokens = [Spent(s.owner, s.state, s.until) for s in other.tokens if s != FREE_TOKEN]
        self.rejected = other.rejections

    # ---- what holds at all times

    @invariant()
    def each_token_is_where_the_model_has_it(self) -> None:
        alive = self.alive()
        for owner in OWNERS:
            mine = len(self.held(owner))
            others = sum(t.state == HELD for t in alive) - mine
            expiring = sum(t.state in (EXPIRING, REJECTED) for t in alive)
            free, *rest = tally(self.section, owner, self.now)
            assert rest == [mine, others, expiring]
            assert free + sum(rest) == self.section.limit
            leases = [token.until for token in self.held(owner)]
            assert self.section.view(owner, self.now).lease_ends == min(leases, default=inf)
        view = self.section.view(OWNERS[0], self.now)
        assert sorted(view.counted) == sorted(t.until for t in alive if t.state == EXPIRING)
        assert sorted(view.rejected) == sorted(t.until for t in alive if t.state == REJECTED)
        assert self.section.rejections == self.rejected

    @invariant()
    def it_is_read_as_it_was_written(self) -> None:
        read = Contents.unpack(contents_of(self.section).pack()).section(CALL)
        assert read is not None
        assert state_of(read) == state_of(self.section)


TestShared = Shared.TestCase
TestShared.settings = settings(max_examples=150, stateful_step_count=50)
