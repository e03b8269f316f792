"""The page against a slow model: a list of tokens, each with a name, that forgets nothing.

Several holders take, answer, lose and renew; some die, some come to be out of sight, the file
is replaced by an older page now and then, and the machine is started again. At all times
``free + held + cooling`` is the limit, nothing is free before its time, and each page is read
as it was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aiocapdist.quota._file.page import Page
from aiocapdist.quota._file.slots import COOLING, EMPTY, HELD, REFUSED, Holder

from .pages import LEASED, PERIOD, SPAN, tally

HOLDERS = [Holder(100 + n, 1, 1, n) for n in range(1, 5)]
WHO = st.integers(0, len(HOLDERS) - 1)
SOME = st.integers(1, 5)


@dataclass
class Token:
    """One that is not free yet."""

    holder: Holder
    state: int
    until: float


class Shared(RuleBasedStateMachine):
    """A page, and the model of what its tokens are doing."""

    @initialize(limit=st.integers(1, 8))
    def begin(self, limit: int) -> None:
        self.now, self.epoch, self.boots = 1000.0, 1.7e9, 0
        self.page = Page(limit, PERIOD, number=1, boot=bytes(16), epoch=self.epoch)
        self.tokens: list[Token] = []
        self.refused = 0

    def held(self, holder: Holder) -> list[Token]:
        return [token for token in self.alive() if token.state == HELD and token.holder == holder]

    def alive(self) -> list[Token]:
        return [token for token in self.tokens if token.until > self.now]

    # ---- what holders do

    @rule(who=WHO, n=SOME)
    def take(self, who: int, n: int) -> None:
        free = self.page.limit - len(self.alive())
        until = self.now + LEASED
        self.page.take(min(n, free), HOLDERS[who], self.now, until)
        self.tokens += [Token(HOLDERS[who], HELD, until) for _ in range(min(n, free))]

    @rule(who=WHO, n=SOME)
    def put_back(self, who: int, n: int) -> None:
        held = self.held(HOLDERS[who])
        self.page.put_back(min(n, len(held)), HOLDERS[who])
        self.remove(HOLDERS[who], min(n, len(held)))

    @rule(who=WHO, n=SOME, refused=st.booleans(), grace=st.sampled_from([0.0, 1.0]))
    def settle(self, who: int, n: int, refused: bool, grace: float) -> None:
        holder = HOLDERS[who]
        n = min(n, len(self.held(holder)))
        until = self.now + grace + SPAN
        self.page.settle(n, holder, self.now, until, refused=refused)
        self.remove(holder, n)
        self.tokens += [Token(holder, REFUSED if refused else COOLING, until) for _ in range(n)]
        self.refused += n * refused

    def remove(self, holder: Holder, n: int) -> None:
        """So many that it holds, those with the longest leases."""
        for token in sorted(self.held(holder), key=lambda token: -token.until)[:n]:
            self.tokens.remove(token)

    @rule(who=WHO)
    def renew(self, who: int) -> None:
        holder, until = HOLDERS[who], self.now + LEASED
        mine = self.held(holder)
        self.page.renew(len(mine), holder, self.now, until)
        for token in mine:
            token.until = until

    @rule(who=WHO)
    def bury(self, who: int) -> None:
        holder, until = HOLDERS[who], self.now + 1.0 + SPAN
        assert (holder in self.page.others_holding(HOLDERS[who - 1], self.now)) == bool(
            self.held(holder)
        )
        self.page.bury(holder, until)
        for token in self.held(holder):
            token.state, token.until = COOLING, min(until, token.until)

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
        self.boots += 1
        self.now, self.epoch = up, wall + down + wrong - up
        self.page.started_anew(self.boots.to_bytes(16, "big"), self.now, self.epoch, SPAN)
        # Whatever was spent was spent before the start.
        self.tokens = [
            Token(HOLDERS[0], COOLING, max(SPAN, slot.until))
            for slot in self.page.slots
            if slot != EMPTY
        ]
        assert len(self.tokens) >= before
        assert all(token.until <= self.now + SPAN for token in self.alive())

    @rule(n=SOME, who=WHO)
    def an_older_page_comes_in_its_place_and_is_merged(self, n: int, who: int) -> None:
        """It lacks the latest, and knows of some that nobody else knew."""
        other = Page(self.page.limit, PERIOD, number=2, boot=self.page.boot, epoch=self.epoch)
        other.slots[: len(self.page.slots) // 2] = self.page.slots[: len(self.page.slots) // 2]
        until = self.now + LEASED / 2
        free = tally(other, HOLDERS[who], self.now)[0]
        other.take(min(n, free), HOLDERS[who], self.now, until)
        other.merge(self.page)
        for token in self.alive():  # nothing that was known is forgotten, unless for later ones
            theirs = [slot for slot in other.slots if slot.until >= token.until]
            assert len(theirs) >= sum(t.until >= token.until for t in self.alive())
        self.page = other
        self.tokens = [Token(s.holder, s.state, s.until) for s in other.slots if s != EMPTY]
        self.refused = other.refused

    # ---- what holds at all times

    @invariant()
    def each_token_is_where_the_model_has_it(self) -> None:
        alive = self.alive()
        for holder in HOLDERS:
            mine = len(self.held(holder))
            others = sum(t.state == HELD for t in alive) - mine
            cooling = sum(t.state in (COOLING, REFUSED) for t in alive)
            free, *rest = tally(self.page, holder, self.now)
            assert rest == [mine, others, cooling]
            assert free + sum(rest) == self.page.limit
            leases = [token.until for token in self.held(holder)]
            assert self.page.sight(holder, self.now).lease_ends == min(leases, default=inf)
        sight = self.page.sight(HOLDERS[0], self.now)
        assert sorted(sight.counted) == sorted(t.until for t in alive if t.state == COOLING)
        assert sorted(sight.refused) == sorted(t.until for t in alive if t.state == REFUSED)
        assert self.page.refused == self.refused

    @invariant()
    def it_is_read_as_it_was_written(self) -> None:
        assert vars(Page.parse(self.page.pack())) == vars(self.page)


TestShared = Shared.TestCase
TestShared.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
