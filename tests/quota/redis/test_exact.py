"""Never one too many over all holders: whoever dies, whatever is lost, and in what order.

Real leases and the real script on a real server; the clocks are a test's. Each holder reads a
clock of its own, which began anywhere. OpenD counts a request at some moment between its
sending and its reply, or until a second after its holder died. Nobody knows the moment, so each
request is taken to be counted wherever that is worst.
"""

from __future__ import annotations

from math import inf

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aiocapdist.quota._redis.errand import GRACE, Errand, Terms, Wish
from aiocapdist.quota._redis.leases import Leases

from .books import START, Book
from .servers import Server, binary, running

PERIOD = 30.0
MILLISECOND = 0.001
LEASE = 10.0
WHO = st.integers(0, 1)


class Holder:
    """One program: its leases, when each request under way was sent, and its own clock."""

    def __init__(self, name: str, terms: Terms, ahead: float) -> None:
        self.leases = Leases(terms, 0, lambda: None)
        self.leases.holder = name
        self.ahead = ahead
        self.sent: list[float] = []


class Machines(RuleBasedStateMachine):
    """Two programs, their server, and when each request can have been counted."""

    server: Server

    @initialize(limit=st.integers(1, 3), margin=st.sampled_from([0.05, 1.0]))
    def begin(self, limit: int, margin: float) -> None:
        self.book = Book(self.server, Terms(limit, PERIOD, margin, LEASE))
        self.spans: list[tuple[float, float]] = []  # from its sending until when it was over
        self.born = 0
        self.holders = [self.new_holder(ahead) for ahead in (1e6, -START)]

    def new_holder(self, ahead: float) -> Holder:
        self.born += 1
        return Holder(f"holder{self.born}", self.book.terms, ahead)

    # ---- what happens

    def errand(self, holder: Holder, want: int = 0) -> Errand:
        wish = Wish(want, want, self.book.terms.limit)
        return holder.leases.errand(self.book.now + holder.ahead, wish)

    def exchange(self, holder: Holder, want: int = 0) -> None:
        self.finish(holder, self.errand(holder, want))

    def finish(self, holder: Holder, errand: Errand) -> None:
        holder.leases.succeeded(errand, self.book.do(errand), self.book.now + holder.ahead)

    def send(self, holder: Holder) -> None:
        """Whatever it has in its pocket."""
        holder.leases.advance(self.book.now + holder.ahead)
        holder.sent += [self.book.now] * holder.leases.take(holder.leases.pocket)

    def end(self, holder: Holder, until: float) -> None:
        """All that it has under way can have been counted until then."""
        self.spans += [(sent, until) for sent in holder.sent]
        holder.sent.clear()

    @rule(who=WHO, want=st.integers(1, 6))
    def ask(self, who: int, want: int) -> None:
        self.exchange(self.holders[who], want)
        self.send(self.holders[who])

    @rule(who=WHO, want=st.integers(1, 6), done=st.booleans())
    def an_exchange_fails(self, who: int, want: int, done: bool) -> None:
        """``done``: only its answer is lost."""
        errand = self.errand(self.holders[who], want)
        if done:
            self.book.do(errand)
        self.holders[who].leases.failed(errand)

    @rule(who=WHO)
    def nothing_is_wanted(self, who: int) -> None:
        self.exchange(self.holders[who])

    @rule(who=WHO, refused=st.booleans(), told=st.sampled_from(["now", "later", "after that"]))
    def a_reply_comes(self, who: int, refused: bool, told: str) -> None:
        """A refusal: OpenD did not count it. "After that": while an exchange is under way."""
        holder = self.holders[who]
        if not holder.sent:
            return
        under_way = self.errand(holder)
        holder.leases.settle(1, self.book.now + holder.ahead, refused=refused)
        sent = holder.sent.pop()
        if not refused:
            self.spans.append((sent, self.book.now))
        if told == "after that":
            self.finish(holder, under_way)
        elif told == "now":
            self.exchange(holder)

    @rule(who=WHO)
    def a_connection_is_lost(self, who: int) -> None:
        holder, now = self.holders[who], self.book.now
        holder.leases.settle(len(holder.sent), now + holder.ahead, grace=1.0)
        self.end(holder, now + 1.0)

    @rule(who=WHO)
    def one_was_never_written(self, who: int) -> None:
        holder = self.holders[who]
        if holder.sent:
            holder.sent.pop()
            holder.leases.put_back()

    @rule(who=WHO, says_so=st.booleans())
    def one_ends(self, who: int, says_so: bool) -> None:
        """What it had just sent may be counted a second later; another takes its place."""
        holder, now = self.holders[who], self.book.now
        if says_so:
            self.book.do(holder.leases.last_errand(now + holder.ahead))
        self.end(holder, now + GRACE)
        self.holders[who] = self.new_holder(holder.ahead)
        self.the_next_token_comes(1 - who)

    @rule(seconds=st.one_of(st.floats(0, 0.2), st.floats(0, 60)))
    def time_passes(self, seconds: float) -> None:
        """Who holds something renews it in time."""
        end = self.book.now + seconds
        while True:
            due = [(h.leases.renew_at - h.ahead, n) for n, h in enumerate(self.holders)]
            renew_at, n = min(due)
            if renew_at > end:
                break
            self.book.now = max(self.book.now, renew_at)
            self.exchange(self.holders[n])
        self.book.now = end

    @rule(who=WHO)
    def the_next_token_comes(self, who: int) -> None:
        """And is used at once."""
        time = self.next_token()
        if time < inf:
            self.time_passes(time - self.book.now)
            self.exchange(self.holders[who], self.book.terms.limit)
            self.send(self.holders[who])

    def next_token(self) -> float:
        """When the next one comes by itself."""
        fields = self.book.fields()
        kinds = ("held:", "cooling:", "refused:")
        times = [int(time) for name, time in fields.items() if name.startswith(kinds)]
        times.append(int(fields.get("cold", 0)))
        later = [time / 1000 for time in times if time / 1000 > self.book.now]
        return min(later, default=inf) + MILLISECOND

    @rule(who=WHO, seconds=st.sampled_from([LEASE - MILLISECOND, 12.5, 45.0]), dies=st.booleans())
    def one_sleeps_before_it_sends(self, who: int, seconds: float, dies: bool) -> None:
        """As a machine that is stopped for a while; the other one goes on."""
        self.exchange(self.holders[who], self.book.terms.limit)
        end = self.book.now + seconds
        while self.next_token() < end:
            self.the_next_token_comes(1 - who)
        self.time_passes(max(0.0, end - self.book.now))
        self.send(self.holders[who])
        if dies:
            self.one_ends(who, says_so=False)

    # ---- what holds always

    @invariant()
    def no_closed_window_holds_more_than_the_limit(self) -> None:
        now = self.book.now
        under_way = [(sent, now) for holder in self.holders for sent in holder.sent]
        spans = [*self.spans, *under_way]
        for _, begin in spans:
            worst = sum(begin <= end and sent <= begin + PERIOD for sent, end in spans)
            assert worst <= self.book.terms.limit

    @invariant()
    def each_holder_knows_what_it_has(self) -> None:
        for holder in self.holders:
            leases = holder.leases
            assert leases.held == len(holder.sent)
            assert leases.free + leases.held + leases.cooling == leases.limit
            assert leases.free >= 0

    def teardown(self) -> None:
        """In the end all are free again."""
        if not hasattr(self, "book"):
            return
        for holder in self.holders:
            holder.leases.settle(len(holder.sent), self.book.now + holder.ahead)
            self.exchange(holder)
        self.book.look()
        self.book.now += self.book.terms.longest + MILLISECOND
        assert self.book.free() == self.book.terms.limit
        self.book.close()


class Forgetful(Machines):
    """And their server forgets what it knew."""

    snapshot: dict[str, str] | None = None

    @rule()
    def all_is_lost(self) -> None:
        self.book.client.delete(self.book.key)

    @rule()
    def a_snapshot_is_taken(self) -> None:
        self.snapshot = self.book.fields()

    @precondition(lambda self: self.snapshot)
    @rule()
    def a_server_starts_from_the_snapshot(self) -> None:
        self.book.client.delete(self.book.key)
        self.book.client.hset(self.book.key, mapping=self.snapshot | {"run": "0" * 40})


if binary() is not None:
    SETTINGS = settings(max_examples=100, stateful_step_count=50, deadline=None)

    class TestMachines(Machines.TestCase):  # type: ignore[name-defined,misc]
        settings = SETTINGS

        @classmethod
        def setUpClass(cls) -> None:
            Machines.server = cls.enterClassContext(running())

    class TestForgetful(Forgetful.TestCase):  # type: ignore[name-defined,misc]
        settings = SETTINGS

        @classmethod
        def setUpClass(cls) -> None:
            Machines.server = cls.enterClassContext(running())
