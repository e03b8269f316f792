"""Never one too many, by however many processes, and however many of them die.

OpenD counts a request at some moment between its sending and its reply; where its sender died
or its connection broke first, until a second after that. Nobody knows the moment, so it is
drawn at random here, and no closed window may hold more than the limit.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aiocapdist.quota._core.scheduler import Scheduler
from aiocapdist.quota._core.store import GRACE
from aiocapdist.quota._file.store import LEASE

from ..stubs import Asking
from .machine import Machine, store_of

PERIOD, MARGIN = 30.0, 0.05
SHARE = st.floats(0, 1)
MOST = 4  # processes at a time


@dataclass
class Process:
    """One that shares the account: its quota, its places, and when each of its requests left."""

    quota: Scheduler
    under_way: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.places = [Asking(self.quota, patient=patient) for patient in (False, True)]

    @property
    def granted(self) -> int:
        return sum(place.granted for place in self.places)


class Account(RuleBasedStateMachine):
    """The processes of one machine, and every moment at which OpenD counted."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = self.stack.enter_context(TemporaryDirectory())
        patch = self.stack.enter_context(pytest.MonkeyPatch.context())
        self.machine = Machine(Path(folder) / "ledger", patch)
        self.processes: list[Process] = []
        self.counted: list[float] = []

    def teardown(self) -> None:
        for process in self.processes:
            self.machine.kill(process.quota)
        self.stack.close()

    @initialize(limit=st.integers(1, 6), reserve=st.integers(0, 5))
    def begin(self, limit: int, reserve: int) -> None:
        self.limit, self.reserve = limit, min(reserve, limit - 1)
        self.one_more()

    def pump(self, process: Process) -> None:
        before = process.granted
        process.quota.pump()
        process.under_way += [self.machine.now] * (process.granted - before)

    def pump_all(self) -> None:
        for process in self.processes:
            self.pump(process)

    def end(self, process: Process, sent: float, share: float, until: float) -> None:
        """It was counted at some moment from its sending to ``until``."""
        process.under_way.remove(sent)
        self.counted.append(sent + share * (until - sent))

    def chosen(self, data: st.DataObject, busy: bool = False) -> Process:
        return data.draw(st.sampled_from([p for p in self.processes if p.under_way or not busy]))

    # ---- processes

    @precondition(lambda self: len(self.processes) < MOST)
    @rule()
    def one_more(self) -> None:
        quota = self.machine.quota(self.limit, PERIOD, reserve=self.reserve, margin=MARGIN)
        assert 0 <= quota.available <= self.limit
        self.processes.append(Process(quota))

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), shares=st.lists(SHARE, min_size=6, max_size=6))
    def one_is_killed(self, data: st.DataObject, shares: list[float]) -> None:
        process = self.chosen(data)
        self.processes.remove(process)
        self.machine.kill(process.quota)
        for sent, share in zip(list(process.under_way), shares, strict=False):
            self.end(process, sent, share, self.machine.now + GRACE)

    @precondition(lambda self: self.processes)
    @rule(data=st.data())
    def the_file_is_locked_for_a_while(self, data: st.DataObject) -> None:
        self.pump_all()
        with self.machine.locked():
            process = self.chosen(data)
            self.replies_come(process, [0.5] * len(process.under_way))
            self.machine.now += 0.001
            self.pump_all()

    def replies_come(self, process: Process, shares: list[float]) -> None:
        for sent, share in zip(list(process.under_way), shares, strict=False):
            process.quota.replied(self.machine.now)
            self.end(process, sent, share, self.machine.now)

    # ---- requests

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), place=st.integers(0, 1), n=st.integers(1, 12))
    def ask(self, data: st.DataObject, place: int, n: int) -> None:
        process = self.chosen(data)
        process.places[place].ask(n)
        self.pump(process)

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), n=st.integers(1, 12))
    def cancel_in_line(self, data: st.DataObject, n: int) -> None:
        process = self.chosen(data)
        place = process.places[0]
        place.ask(-min(n, place.waiting))
        self.pump(process)

    @precondition(lambda self: self.processes)
    @rule(data=st.data())
    def a_single_call_comes(self, data: st.DataObject) -> None:
        process = self.chosen(data)
        if process.quota.try_acquire(self.machine.now):
            process.under_way.append(self.machine.now)

    @rule(seconds=st.one_of(st.floats(0, 0.2), st.floats(0, 40)))
    def time_passes(self, seconds: float) -> None:
        self.machine.now += seconds
        self.pump_all()

    @rule(seconds=st.floats(1, 5 * LEASE))
    def a_long_time_passes(self, seconds: float) -> None:
        """Everyone is awake, and does what is due."""
        end = self.machine.now + seconds
        for _ in range(100):
            due = [at for p in self.processes if (at := p.quota.next_due()) is not None]
            self.machine.now = min(end, max(self.machine.now + 1e-3, min(due, default=inf)))
            self.pump_all()
            if self.machine.now == end:
                return

    @precondition(lambda self: any(p.quota.next_due() is not None for p in self.processes))
    @rule()
    def something_is_due(self) -> None:
        due = min(at for p in self.processes if (at := p.quota.next_due()) is not None)
        self.machine.now = max(self.machine.now, due)
        self.pump_all()

    @precondition(lambda self: any(p.under_way for p in self.processes))
    @rule(data=st.data(), shares=st.lists(SHARE, min_size=1, max_size=6))
    def some_replies_come(self, data: st.DataObject, shares: list[float]) -> None:
        process = self.chosen(data, busy=True)
        self.replies_come(process, shares)
        self.pump(process)

    @precondition(lambda self: any(p.under_way for p in self.processes))
    @rule(data=st.data())
    def one_is_refused(self, data: st.DataObject) -> None:
        """OpenD did not count it: someone else had spent the account's."""
        process = self.chosen(data, busy=True)
        process.quota.reject()
        process.under_way.pop()
        process.places[0].ask(1)
        self.pump(process)

    @precondition(lambda self: any(p.under_way for p in self.processes))
    @rule(data=st.data())
    def one_was_never_written(self, data: st.DataObject) -> None:
        process = self.chosen(data, busy=True)
        process.quota.release()
        process.under_way.pop()
        self.pump(process)

    @precondition(lambda self: any(p.under_way for p in self.processes))
    @rule(data=st.data(), shares=st.lists(SHARE, min_size=6, max_size=6))
    def a_connection_is_lost(self, data: st.DataObject, shares: list[float]) -> None:
        process = self.chosen(data, busy=True)
        process.quota.lost(len(process.under_way))
        for sent, share in zip(list(process.under_way), shares, strict=False):
            self.end(process, sent, share, self.machine.now + GRACE)
        self.pump(process)

    # ---- what holds at all times

    @invariant()
    def no_closed_window_holds_more_than_the_limit(self) -> None:
        moments = sorted(self.counted)
        for n, begin in enumerate(moments):
            assert bisect_right(moments, begin + PERIOD) - n <= self.limit

    @invariant()
    def no_more_are_under_way_than_there_are_tokens(self) -> None:
        assert sum(len(process.under_way) for process in self.processes) <= self.limit

    @invariant()
    def tokens_are_conserved(self) -> None:
        for process in self.processes:
            store = store_of(process.quota)
            assert store.free + store.held + store.expiring == self.limit
            assert store.mine - process.quota.unsettled == len(process.under_way)

    @invariant()
    def nobody_is_to_wake_in_the_past_again_and_again(self) -> None:
        for process in self.processes:
            for _ in range(2):  # what was looked at since is offered to who waits
                self.pump(process)
            due = process.quota.next_due()
            assert due is None or due > self.machine.now


TestAccount = Account.TestCase
TestAccount.settings = settings(max_examples=100, stateful_step_count=50)
