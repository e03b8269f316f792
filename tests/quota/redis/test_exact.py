"""Never one too many over all owners: whoever dies, whatever is lost, and in what order.

Real leases and the real script on a real server; the clocks are a test's. Each owner reads a
clock of its own, which began anywhere. OpenD counts a request at some moment between its
sending and its reply, or until a second after its owner died. Nobody knows the moment, so each
request is taken to be counted wherever that is worst.
"""

from __future__ import annotations

from itertools import chain
from math import inf

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aiocapdist.quota._core.store import GRACE
from aiocapdist.quota._redis.exchange import Report, Terms, TokenRequest
from aiocapdist.quota._redis.leases import Leases

from .books import START, Book
from .servers import Server, binary, running

PERIOD = 30.0
MILLISECOND = 0.001
LEASE = 10.0
WHO = st.integers(0, 1)


class Owner:
    """One program: its leases, when each request under way was sent, and its own clock."""

    def __init__(self, name: str, terms: Terms, ahead: float) -> None:
        self.leases = Leases(terms, 0, lambda: None)
        self.leases.owner = name
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
        self.owners = [self.new_owner(ahead) for ahead in (1e6, -START)]

    def new_owner(self, ahead: float) -> Owner:
        self.born += 1
        return Owner(f"owner{self.born}", self.book.terms, ahead)

    # ---- what happens

    def report(self, owner: Owner, want: int = 0) -> Report:
        wanted = TokenRequest(want, want, self.book.terms.limit)
        return owner.leases.report(self.book.now + owner.ahead, wanted)

    def exchange(self, owner: Owner, want: int = 0) -> None:
        self.finish(owner, self.report(owner, want))

    def finish(self, owner: Owner, report: Report) -> None:
        owner.leases.succeeded(report, self.book.do(report), self.book.now + owner.ahead)

    def send(self, owner: Owner) -> None:
        """Whatever it has in its pocket."""
        owner.leases.advance(self.book.now + owner.ahead)
        owner.sent += [self.book.now] * owner.leases.acquire(owner.leases.unspent)

    def end(self, owner: Owner, until: float) -> None:
        """All that it has under way can have been counted until then."""
        self.spans += [(sent, until) for sent in owner.sent]
        owner.sent.clear()

    @rule(who=WHO, want=st.integers(1, 6))
    def ask(self, who: int, want: int) -> None:
        self.exchange(self.owners[who], want)
        self.send(self.owners[who])

    @rule(who=WHO, want=st.integers(1, 6), done=st.booleans())
    def an_exchange_fails(self, who: int, want: int, done: bool) -> None:
        """``done``: only its answer is lost."""
        report = self.report(self.owners[who], want)
        if done:
            self.book.do(report)
        self.owners[who].leases.failed(report)

    @rule(who=WHO)
    def nothing_is_wanted(self, who: int) -> None:
        self.exchange(self.owners[who])

    @rule(who=WHO, rejected=st.booleans(), told=st.sampled_from(["now", "later", "after that"]))
    def a_reply_comes(self, who: int, rejected: bool, told: str) -> None:
        """A refusal: OpenD did not count it. "After that": while an exchange is under way."""
        owner = self.owners[who]
        if not owner.sent:
            return
        under_way = self.report(owner)
        owner.leases.settle(1, self.book.now + owner.ahead, rejected=rejected)
        sent = owner.sent.pop()
        if not rejected:
            self.spans.append((sent, self.book.now))
        if told == "after that":
            self.finish(owner, under_way)
        elif told == "now":
            self.exchange(owner)

    @rule(who=WHO)
    def a_connection_is_lost(self, who: int) -> None:
        owner, now = self.owners[who], self.book.now
        owner.leases.settle(len(owner.sent), now + owner.ahead, grace=1.0)
        self.end(owner, now + 1.0)

    @rule(who=WHO)
    def one_was_never_written(self, who: int) -> None:
        owner = self.owners[who]
        if owner.sent:
            owner.sent.pop()
            owner.leases.release()

    @rule(who=WHO, says_so=st.booleans())
    def one_ends(self, who: int, says_so: bool) -> None:
        """What it had just sent may be counted a second later; another takes its place."""
        owner, now = self.owners[who], self.book.now
        if says_so:
            self.book.do(owner.leases.final_report(now + owner.ahead))
        self.end(owner, now + GRACE)
        self.owners[who] = self.new_owner(owner.ahead)
        self.the_next_token_comes(1 - who)

    @rule(seconds=st.one_of(st.floats(0, 0.2), st.floats(0, 60)))
    def time_passes(self, seconds: float) -> None:
        """Who holds something renews it in time."""
        end = self.book.now + seconds
        while True:
            due = [(h.leases.renew_at - h.ahead, n) for n, h in enumerate(self.owners)]
            renew_at, n = min(due)
            if renew_at > end:
                break
            self.book.now = max(self.book.now, renew_at)
            self.exchange(self.owners[n])
        self.book.now = end

    @rule(who=WHO)
    def the_next_token_comes(self, who: int) -> None:
        """And is used at once."""
        time = self.next_token()
        if time < inf:
            self.time_passes(time - self.book.now)
            self.exchange(self.owners[who], self.book.terms.limit)
            self.send(self.owners[who])

    def next_token(self) -> float:
        """When the next one comes by itself."""
        fields = self.book.fields()
        kinds = ("held:", "expiring:", "rejected:")
        times = [int(time) for name, time in fields.items() if name.startswith(kinds)]
        times.append(int(fields.get("cold", 0)))
        later = [time / 1000 for time in times if time / 1000 > self.book.now]
        return min(later, default=inf) + MILLISECOND

    @rule(who=WHO, seconds=st.sampled_from([LEASE - MILLISECOND, 12.5, 45.0]), dies=st.booleans())
    def one_sleeps_before_it_sends(self, who: int, seconds: float, dies: bool) -> None:
        """As a machine that is stopped for a while; the other one goes on."""
        self.exchange(self.owners[who], self.book.terms.limit)
        end = self.book.now + seconds
        while self.next_token() < end:
            self.the_next_token_comes(1 - who)
        self.time_passes(max(0.0, end - self.book.now))
        self.send(self.owners[who])
        if dies:
            self.one_ends(who, says_so=False)

    # ---- what holds always

    @invariant()
    def no_closed_window_holds_more_than_the_limit(self) -> None:
        now = self.book.now
        under_way = [(sent, now) for owner in self.owners for sent in owner.sent]
        spans = [*self.spans, *under_way]
        for _, begin in spans:
            worst = sum(begin <= end and sent <= begin + PERIOD for sent, end in spans)
            assert worst <= self.book.terms.limit

    @invariant()
    def each_owner_knows_what_it_has(self) -> None:
        for owner in self.owners:
            leases = owner.leases
            assert leases.held == len(owner.sent)
            assert leases.free + leases.held + leases.expiring == leases.limit
            assert leases.free >= 0

    def teardown(self) -> None:
        """In the end all are free again."""
        if not hasattr(self, "book"):
            return
        for owner in self.owners:
            owner.leases.settle(len(owner.sent), self.book.now + owner.ahead)
            self.exchange(owner)
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
    def the_snapshot_is_put_back(self) -> None:
        """Who heard of a later exchange notices; a new program could not."""
        assert self.snapshot is not None
        latest = max(self.owners, key=lambda owner: owner.leases.heard)
        if latest.leases.heard > int(self.snapshot.get("number", 0)):
            self.book.client.delete(self.book.key)
            self.book.client.hset(self.book.key, items=[*chain(*self.snapshot.items())])
            self.exchange(latest)

    @precondition(lambda self: self.snapshot)
    @rule()
    def a_server_starts_from_the_snapshot(self) -> None:
        self.book.client.delete(self.book.key)
        assert self.snapshot is not None
        fields = self.snapshot | {"run": "0" * 40}
        self.book.client.hset(self.book.key, items=[*chain(*fields.items())])


if binary() is not None:
    SETTINGS = settings(max_examples=100, stateful_step_count=50)

    class TestMachines(Machines.TestCase):  # type: ignore[misc,valid-type]
        settings = SETTINGS

        @classmethod
        def setUpClass(cls) -> None:
            Machines.server = cls.enterClassContext(running())

    class TestForgetful(Forgetful.TestCase):  # type: ignore[misc,valid-type]
        settings = SETTINGS

        @classmethod
        def setUpClass(cls) -> None:
            Machines.server = cls.enterClassContext(running())
