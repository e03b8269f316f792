"""Client, simulator and faults on virtual time, in any order that Hypothesis chooses.

Promise 3: every call ends. After every step it is checked, too, that a reply reached its own
caller or nobody (promise 1), that tokens are conserved (5), that no closed window is over the
limit as the server counts (4), and that requests in flight agree with the server's log (17).
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from aiocapdist import Period, QuotaWaitTooLong
from aiocapdist._pb.keep_alive_pb2 import Response
from aiocapdist.simulator import Fault

from ..support.custom_call import PROTO_ID, request_message
from ..support.internals import takes_tokens_of, tokens_as_they_stand
from .answers import (
    GOOD,
    INVALID,
    UNKNOWN,
    all_changes_own,
    all_own,
    is_own,
    is_own_flow,
    swept,
    watched,
)
from .world import World

SCALE = float(os.environ.get("AIOCAPDIST_SCALE", "1"))
PARTS, WORLDS, STEPS = 4, 120, 50  # about 20 000 rules
# A failure is reported as it was found: shrinking it takes longer than a test may.
PHASES = set(Phase) if "AIOCAPDIST_SHRINK" in os.environ else set(Phase) - {Phase.shrink}
CODES = st.sampled_from([*GOOD, UNKNOWN])
SECONDS = st.sampled_from([0.001, 0.3, 1.0, 9.99, 10.0, 30.0, 30.05, 35.0, 61.0]) | st.floats(0, 40)
a_client = precondition(lambda self: self.world.has_client)


class Everything(RuleBasedStateMachine):
    """Performs one action after another, and checks everything after each."""

    rules_run = 0

    def __init__(self) -> None:
        super().__init__()
        self.world: World = None  # type: ignore[assignment]
        self.away = False
        self.log: dict[tuple[int, int, int], Any] = {}
        self.read = 0

    @initialize(
        limit=st.sampled_from([1, 3, 30]),
        latency=st.sampled_from([(0.0, 0.0), (0.01, 0.9)]),
        attempts=st.integers(1, 3),
        handshake=st.booleans(),
    )
    def begin(
        self, limit: int, latency: tuple[float, float], attempts: int, handshake: bool
    ) -> None:
        self.world = World(limit, latency, attempts, handshake=handshake)

    # ---- actions of callers

    @a_client
    @rule(code=CODES, n=st.integers(1, 3))
    def ask(self, code: str, n: int) -> None:
        for _ in range(n):
            self.world.call(self.world.client.capital_distribution(code), is_own(code))

    @a_client
    @rule(codes=st.lists(st.sampled_from(GOOD), unique=True, min_size=2))
    def ask_about_many_at_once(self, codes: list[str]) -> None:
        for code in codes:
            self.world.call(self.world.client.capital_distribution(code), is_own(code))

    @a_client
    @rule(code=CODES, max_wait=st.sampled_from([0.0, 5.0, 40.0]), max_age=st.sampled_from([0, 20]))
    def ask_with_limits(self, code: str, max_wait: float, max_age: float) -> None:
        asking = self.world.client.capital_distribution(code, max_wait=max_wait, max_age=max_age)
        own = is_own(code)
        self.world.call(asking, lambda got: isinstance(got, QuotaWaitTooLong) or own(got))

    @a_client
    @rule(
        codes=st.lists(st.sampled_from([*GOOD, UNKNOWN, INVALID]), max_size=12),
        enough=st.sampled_from([1, 5, 1000]),
        max_age=st.sampled_from([0, 20]),
    )
    def sweep(self, codes: list[str], enough: int, max_age: float) -> None:
        sweeping = swept(self.world.client, codes, enough, max_age)
        self.world.call(sweeping, all_own(codes), requests=len(codes))

    @a_client
    @rule(code=CODES, period=st.sampled_from(Period), n=st.integers(1, 2))
    def ask_for_a_flow(self, code: str, period: Period, n: int) -> None:
        for _ in range(n):
            asking = self.world.client.capital_flow(code, period)
            self.world.call(asking, is_own_flow(code, period, lambda: self.world.trouble))

    @a_client
    @rule(
        codes=st.lists(CODES, min_size=1, max_size=8, unique=True),
        every=st.sampled_from([0.5, 10.0, 60.0]),
        enough=st.sampled_from([1, 3, 1000]),
        while_closed=st.booleans(),
    )
    def watch(self, codes: list[str], every: float, enough: int, while_closed: bool) -> None:
        watch = self.world.client.watch(codes[::2], every, while_closed)
        watching = watched(watch, codes, enough)
        check = all_changes_own(lambda: self.world.trouble)
        self.world.call(watching, check, requests=len(codes))

    @a_client
    @rule()
    def ask_for_the_state(self) -> None:
        def check(state: Any) -> bool:
            asked = (r.connection for r in self.world.opend.requests if r.proto_id == 1002)
            return state.conn_id in asked

        self.world.call(self.world.client.global_state(), check)

    @a_client
    @rule(number=st.integers(0, 10**6), repeat=st.booleans(), counted=st.booleans())
    def ask_anything(self, number: int, repeat: bool, counted: bool) -> None:
        asking = self.world.client.request(
            PROTO_ID,
            request_message(number),
            Response,
            idempotent=repeat,
            quota=self.world.quota if counted else None,
        )
        self.world.call(asking, lambda reply: reply.s2c.time == 2 * number)

    @rule(which=st.lists(st.tuples(st.integers(0, 99), st.booleans()), min_size=1, max_size=3))
    def cancel(self, which: list[tuple[int, bool]]) -> None:
        """The draw must not depend on which calls run: the order of a set may decide that."""
        for n, settle in which:
            if running := self.world.running:
                call = running[n % len(running)]
                call.cancelled = True
                call.task.cancel()
            if settle:
                self.world.loop.settle()
        self.world.loop.settle()

    @a_client
    @rule()
    def close(self) -> None:
        self.world.close_client()

    @precondition(lambda self: not self.world.has_client)
    @rule()
    def open(self) -> None:
        self.world.open_client()

    # ---- other actions

    @rule()
    def collect_garbage(self) -> None:
        self.world.do(gc.collect)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.world.loop.let_pass(seconds)

    @rule(faults=st.lists(st.sampled_from([*Fault, None]), min_size=1, max_size=4))
    def play(self, faults: list[Fault | None]) -> None:
        self.world.trouble = True
        self.world.script.coming.extend(faults)

    @rule()
    def disconnect(self) -> None:
        self.world.trouble = True
        self.world.do(self.world.opend.disconnect_all)

    @precondition(lambda self: not self.away)
    @rule()
    def go_away(self) -> None:
        self.world.trouble = self.away = True
        self.world.run(self.world.opend.go_away())

    @precondition(lambda self: self.away)
    @rule()
    def come_back(self) -> None:
        self.away = False
        self.world.run(self.world.opend.come_back())

    @precondition(lambda self: self.world.pipe.clear.is_set())
    @rule()
    def block_writes(self) -> None:
        """Block the client's writes: requests from now on are not sent."""
        self.world.trouble = True
        self.world.do(self.world.pipe.block)

    @precondition(lambda self: not self.world.pipe.clear.is_set())
    @rule()
    def unblock_writes(self) -> None:
        self.world.do(self.world.pipe.unblock)

    # ---- invariants

    @invariant()
    def every_reply_reached_its_own_caller_or_nobody(self) -> None:
        type(self).rules_run += 1
        self.world.check_ended()

    @invariant()
    def tokens_are_conserved(self) -> None:
        for quota in self.world.quotas:
            tokens, seen = tokens_as_they_stand(quota)
            assert min(tokens) >= 0
            assert sum(tokens) == quota.limit
            counted = [flight for flight in self.world.flights if takes_tokens_of(flight, quota)]
            assert tokens.held == len(counted) + seen

    @invariant()
    def no_window_is_over_the_limit(self) -> None:
        assert self.world.opend.largest_window <= self.world.quota.limit
        assert self.world.opend.largest_flow_window <= self.world.flow_quota.limit

    @invariant()
    def what_is_in_flight_agrees_with_the_servers_log(self) -> None:
        for request in self.world.opend.requests[self.read :]:
            key = (request.connection, request.proto_id, request.serial)
            assert key not in self.log, "a serial was used twice on one connection"
            self.log[key] = request
        self.read = len(self.world.opend.requests)
        now, slowest = self.world.loop.time(), self.world.latency[1]
        for flight in self.world.flights:
            conn_id = self.world.client.status.conn_id
            logged = self.log.get((conn_id or 0, flight.proto_id, flight.serial))
            if logged is not None:
                assert flight.written
                assert logged.outcome == "refused" or logged.code == getattr(
                    flight.ref, "code", None
                )
            elif flight.written and self.world.pipe.clear.is_set():
                left_by = max(flight.sent_at, self.world.pipe.clear_since)
                assert now - left_by <= slowest, "it was sent and never arrived"

    def teardown(self) -> None:
        if self.world is None:
            return
        try:
            self.away = False
            self.world.come_to_an_end()
            self.no_window_is_over_the_limit()
        finally:
            self.world.close()
            gc.collect()
            gc.freeze()  # the garbage collector skips what Hypothesis remembers


@pytest.fixture
def garbage_is_collected_by_the_rule_alone() -> Iterator[None]:
    """Else the same actions would not have the same results, and Hypothesis would object."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.usefixtures("garbage_is_collected_by_the_rule_alone")
def test_whatever_happens_every_call_ends_with_its_own_answer_or_an_error(part: int) -> None:
    runs, worlds = max(1, round(SCALE)), max(1, int(WORLDS * min(1.0, SCALE)))
    Everything.rules_run = 0
    for _ in range(runs):  # a new run each: what Hypothesis remembers of one only grows
        run_state_machine_as_test(
            Everything,
            settings=settings(
                max_examples=worlds,
                stateful_step_count=STEPS,
                phases=PHASES,
                suppress_health_check=list(HealthCheck),
            ),
        )
    print(
        f"promise 3: rules: {Everything.rules_run}, worlds: {runs * worlds}, hangs: 0, crossed: 0"
    )
    assert Everything.rules_run >= runs * worlds * STEPS / 5
