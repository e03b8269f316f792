"""Never one too many: whatever is asked, answered, cancelled or lost, and in what order.

OpenD counts a request at some moment between its sending and its reply; where the
connection broke first, until a second after that. Nobody knows the moment, so it is drawn
at random here, and no closed window may hold more than the limit.
"""

from __future__ import annotations

from bisect import bisect_right

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aiocapdist.quota._core.ledger import Ledger
from aiocapdist.quota._core.store import GRACE

from .stubs import Asking, Clock, Watched, scheduler

PERIOD = 30.0
SHARE = st.floats(0, 1)


class Account(RuleBasedStateMachine):
    """One account: its quota, what is under way, and every moment at which OpenD counted."""

    @initialize(
        limit=st.integers(1, 6), reserve=st.integers(0, 5), margin=st.sampled_from([0.05, 1.0])
    )
    def begin(self, limit: int, reserve: int, margin: float) -> None:
        self.quota = scheduler(limit, PERIOD, reserve=min(reserve, limit - 1), margin=margin)
        self.clock = Clock(1000.0)
        self.quota.attach(self.clock, Watched())
        self.places = [Asking(self.quota, patient=patient) for patient in (False, True, True)]
        self.under_way: list[float] = []  # when each was sent
        self.counted: list[float] = []

    def pump(self) -> None:
        before = sum(place.granted for place in self.places)
        self.quota.pump()
        granted = sum(place.granted for place in self.places) - before
        self.under_way += [self.clock.now] * granted

    def end(self, sent: float, share: float, until: float) -> None:
        """It was counted at some moment from its sending to ``until``."""
        self.under_way.remove(sent)
        self.counted.append(sent + share * (until - sent))

    @rule(place=st.integers(0, 2), n=st.integers(1, 12))
    def ask(self, place: int, n: int) -> None:
        self.places[place].ask(n)
        self.pump()

    @rule(place=st.integers(0, 2), n=st.integers(1, 12))
    def cancel_in_line(self, place: int, n: int) -> None:
        chosen = self.places[place]
        chosen.ask(-min(n, chosen.waiting))
        self.pump()

    @rule(seconds=st.one_of(st.floats(0, 0.2), st.floats(0, 40)))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds
        self.pump()

    @precondition(lambda self: self.quota.next_due() is not None)
    @rule()
    def the_next_token_comes(self) -> None:
        due = self.quota.next_due()
        assert due is not None
        self.clock.now = max(self.clock.now, due)
        self.pump()

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), share=SHARE)
    def a_reply_comes(self, data: st.DataObject, share: float) -> None:
        """Whether its caller still waits or has cancelled makes no difference to its token."""
        sent = data.draw(st.sampled_from(self.under_way))
        self.quota.replied(self.clock())
        self.end(sent, share, self.clock.now)
        self.pump()

    @rule()
    def a_single_call_comes(self) -> None:
        """It waits in no line where a token is free and nobody waits."""
        waiting = self.quota.waiting
        if self.quota.try_acquire(self.clock.now):
            assert waiting == 0
            self.under_way.append(self.clock.now)

    @rule()
    def someone_looks(self) -> None:
        assert 0 <= self.quota.available <= self.quota.limit

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), n=st.integers(2, 6), shares=st.lists(SHARE, min_size=6, max_size=6))
    def replies_come_in_one_read(self, data: st.DataObject, n: int, shares: list[float]) -> None:
        for share in shares[: min(n, len(self.under_way))]:
            sent = data.draw(st.sampled_from(self.under_way))
            self.quota.replied(self.clock())
            self.end(sent, share, self.clock.now)
        self.pump()

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def one_is_refused(self, data: st.DataObject) -> None:
        """OpenD did not count it: someone else had spent the account's."""
        sent = data.draw(st.sampled_from(self.under_way))
        self.quota.reject()
        self.under_way.remove(sent)
        self.places[0].ask(1)
        self.pump()

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def one_was_never_written(self, data: st.DataObject) -> None:
        sent = data.draw(st.sampled_from(self.under_way))
        self.quota.release()
        self.under_way.remove(sent)
        self.pump()

    @precondition(lambda self: self.under_way)
    @rule(shares=st.lists(SHARE, min_size=6, max_size=6))
    def the_connection_is_lost(self, shares: list[float]) -> None:
        lost = list(self.under_way)
        self.quota.lost(len(lost))
        for sent, share in zip(lost, shares, strict=False):
            self.end(sent, share, self.clock.now + GRACE)
        self.pump()

    @invariant()
    def tokens_are_conserved(self) -> None:
        ledger = self.quota.store
        assert isinstance(ledger, Ledger)
        assert ledger.free + ledger.held + ledger.expiring == ledger.limit
        assert min(ledger.free, ledger.held, ledger.expiring) >= 0
        # Replies that were seen are settled when next someone needs to know.
        assert ledger.held - self.quota.unsettled == len(self.under_way)

    @invariant()
    def no_closed_window_holds_more_than_the_limit(self) -> None:
        moments = sorted(self.counted)
        for n, begin in enumerate(moments):
            assert bisect_right(moments, begin + PERIOD) - n <= self.quota.limit

    @invariant()
    def nothing_waits_that_could_go(self) -> None:
        """Exact, not timid: what is available is used, but for a sweep's reserve."""
        quota = self.quota
        if quota.waiting:
            assert quota.available <= quota.reserve


TestAccount = Account.TestCase
TestAccount.settings = settings(max_examples=150, stateful_step_count=60)
