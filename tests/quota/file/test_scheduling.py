"""Places, ceiling and clocks of a quota in a file: by hand, without a loop."""

from __future__ import annotations

import logging

import pytest

from aiocapdist import events
from aiocapdist.quota._core.scheduler import Scheduler
from aiocapdist.quota._file.store import LEASE
from aiocapdist.quota._file.updater import LOCKED_AT_MOST, RETRY_AFTER, RETRY_IN_TROUBLE

from ..stubs import Asking, Clock, Watched, tokens
from .machine import Machine, store_of
from .sections import CALL, MARGIN, PERIOD, SPAN, contents_at


def told(quota: Scheduler) -> list[events.QuotaEvent]:
    (watcher,) = quota.listeners
    assert isinstance(watcher, Watched)
    return watcher.events


def run_out(machine: Machine, *quotas: Scheduler, until: float = 1e5) -> None:
    """Let time pass as their keepers do, until nothing is due before then."""
    for _ in range(10_000):
        due = min((at for q in quotas if (at := q.next_due()) is not None), default=until)
        if due >= until:
            return
        machine.now = max(machine.now, due)
        for quota in quotas:
            quota.pump()
    raise AssertionError("something is due again and again")


def test_two_processes_share_a_burst_and_each_token_after_it(machine: Machine) -> None:
    one, other = machine.quota(6), machine.quota(6)
    sweep, calls = Asking(one, 100, patient=True), Asking(other, 3)
    other.pump()
    one.pump()
    assert (calls.granted, sweep.granted) == (3, 3)
    calls.ask(9)
    for quota in (one, other):
        quota.pump()
        for _ in range(3):
            quota.replied(machine.now)
        quota.pump()
    run_out(machine, one, other, until=machine.now + SPAN + 0.5)
    assert calls.granted + sweep.granted == 12
    assert calls.granted in (5, 6, 7), "about half of the next six as well"


def test_what_is_granted_is_in_the_file_before_it_is_sent(machine: Machine) -> None:
    class Sending(Asking):
        def grant(self, count: int, now: float) -> int:
            free.append(machine.free)
            return super().grant(count, now)

    free: list[int] = []
    quota = machine.quota(3)
    Sending(quota, 2)
    quota.pump()
    assert free == [0], "all three, of which it used two"
    assert machine.free == 1
    assert quota.try_acquire(machine.now)
    assert machine.free == 0


def test_a_reply_is_told_to_others_though_nobody_waits_here(machine: Machine) -> None:
    quota, other = machine.quota(3), machine.quota(3)
    assert quota.try_acquire(machine.now)
    machine.now += 1.0
    quota.replied(machine.now)
    quota.pump()
    assert other.available == 2
    assert other.eta(3) == pytest.approx(SPAN, abs=1e-5)


def test_available_and_eta_are_of_this_moment(machine: Machine) -> None:
    quota, other = machine.quota(3), machine.quota(3)
    assert quota.available == 3
    assert all(other.try_acquire(machine.now) for _ in range(3))
    assert quota.available == 0
    assert quota.eta() == pytest.approx(SPAN, abs=1e-5)
    other.release(2)
    assert quota.available == 2
    assert quota.eta() == 0.0


def test_refusals_of_one_process_lower_the_ceiling_of_the_others(machine: Machine) -> None:
    one, other = machine.quota(30), machine.quota(30)
    assert one.try_acquire(machine.now)
    one.reject()
    assert (one.rejections, one.ceiling.value) == (1, 26)
    assert (other.rejections, other.available) == (0, 29), "looking learns nothing"
    assert not other.try_acquire(machine.now)
    assert other.available == 0, "it pauses as well"
    assert (other.rejections, other.ceiling.value) == (1, 26)
    machine.now += 1.0
    assert (one.available, other.available) == (26, 26)
    assert (one.rejections, other.rejections) == (1, 1), "each was told of it once"


def test_who_did_not_look_for_long_hears_of_refusals_before_it_sends(machine: Machine) -> None:
    one, other = machine.quota(30), machine.quota(30)
    assert other.available == 30
    assert one.try_acquire(machine.now)
    one.reject()
    place = Asking(other, 100)
    other.pump()
    assert (place.granted, other.waiting) == (0, 100)
    run_out(machine, other, until=machine.now + 1.1)
    assert (place.granted, other.rejections) == (26, 1)


def test_a_client_that_closes_leaves_the_tokens_of_other_processes_alone(machine: Machine) -> None:
    one, other = machine.quota(3), machine.quota(3)
    assert one.try_acquire(machine.now)
    assert other.try_acquire(machine.now)
    one.detach(one.listeners[0])
    assert (store_of(other).mine, machine.free) == (1, 1)
    one = machine.quota(3)
    one.detach(one.listeners[0])
    assert machine.free == 1, "nothing of others counts as lost"
    other.release()
    assert machine.free == 2


def test_thousands_of_refusals_elsewhere_are_counted_as_a_limit_of_them(
    machine: Machine,
) -> None:
    quota = machine.quota(3)
    contents = contents_at(machine.path)
    section = contents.section(CALL)
    assert section is not None
    section.rejections += 10_000
    machine.path.write_bytes(contents.pack())
    quota.pump()
    assert not quota.try_acquire(machine.now)
    assert quota.rejections == 3


def test_while_the_file_is_locked_calls_wait_and_then_go(machine: Machine) -> None:
    quota = machine.quota(3)
    assert quota.available == 3
    with machine.locked():
        assert not quota.try_acquire(machine.now)
        place = Asking(quota, 2)
        quota.pump()
        assert (place.granted, quota.available) == (0, 0)
        quota.pump()
        assert quota.next_due() == machine.now + RETRY_AFTER
        run_out(machine, quota, until=machine.now + 1.0)
        assert place.granted == 0
    run_out(machine, quota, until=machine.now + 1.0)
    assert place.granted == 2


def test_a_lock_that_is_kept_is_told_once_and_its_end(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    quota = machine.quota(3)
    assert quota.available == 3
    place = Asking(quota, 1)
    with machine.locked(), caplog.at_level(logging.WARNING, "aiocapdist"):
        quota.pump()
        run_out(machine, quota, until=machine.now + LOCKED_AT_MOST + 10 * RETRY_IN_TROUBLE)
    run_out(machine, quota, until=machine.now + 2.0)
    assert place.granted == 1
    throttled, *others = told(quota)
    assert isinstance(throttled, events.Throttled)
    assert others == [
        events.QuotaDegraded(reason="another program has held its lock for seconds", fallback=0),
        events.Unthrottled(),
        events.QuotaRestored(),
    ]
    assert len(caplog.records) == 1


def test_another_trouble_after_the_first_is_told_as_well(machine: Machine) -> None:
    quota = machine.quota(3)
    assert quota.available == 3
    ledger = machine.path.read_bytes()
    later = ledger.replace(b"quota\2", b"quota\3")
    for data in (b"a diary", b"a diary", later, ledger, later):
        machine.path.write_bytes(data)
        machine.now += RETRY_IN_TROUBLE
        usable = data == ledger
        assert quota.available == (3 if usable else 0)
        assert quota.try_acquire(machine.now) is usable
        if usable:
            quota.release()
        quota.pump()
    other, version = "it holds something else", "it is of version 3, and this program knows 2"
    assert told(quota) == [
        events.QuotaDegraded(reason=other, fallback=0),
        events.QuotaDegraded(reason=version, fallback=0),
        events.QuotaRestored(),
        events.QuotaDegraded(reason=version, fallback=0),
    ]


def test_a_request_under_way_is_renewed_though_nobody_waits(machine: Machine) -> None:
    quota, other = machine.quota(3), machine.quota(3)
    assert quota.try_acquire(machine.now)
    assert quota.next_due() == pytest.approx(machine.now + LEASE / 2)
    run_out(machine, quota, until=machine.now + 10 * LEASE)
    assert tokens(other)[0] == 3, "as it saw it last"
    assert other.available == 2
    quota.replied(machine.now)
    quota.pump()
    assert quota.next_due() is None


def test_what_was_spent_expires_on_while_nobody_uses_it(machine: Machine) -> None:
    quota = machine.quota(3)
    assert quota.try_acquire(machine.now)
    quota.replied(machine.now)
    (watcher,) = quota.listeners
    quota.detach(watcher)
    assert tokens(quota) == (2, 0, 1)
    machine.now += 10.0
    later = Clock(9e6)
    quota.attach(later, watcher)
    assert quota.available == 2
    assert quota.eta(3) == pytest.approx(PERIOD + MARGIN - 10.0, abs=1e-5)


def test_one_of_two_clients_may_leave(machine: Machine) -> None:
    quota = machine.quota(3)
    second = Watched()
    quota.attach(machine.clock, second)
    assert quota.try_acquire(machine.now)
    quota.detach(second)
    quota.replied(machine.now)
    quota.pump()
    assert tokens(quota) == (2, 0, 1)
    assert store_of(quota).updater.file._descriptor >= 0, "the other one goes on"


def test_a_grant_that_asks_for_grants_itself_changes_no_order(machine: Machine) -> None:
    class Pumping(Asking):
        def grant(self, count: int, now: float) -> int:
            self.quota.pump()
            return super().grant(count, now)

    quota = machine.quota(3)
    places = [Pumping(quota, 5), Pumping(quota, 5), Pumping(quota, 5)]
    quota.pump()
    assert [place.granted for place in places] == [1, 1, 1]
    assert tokens(quota) == (0, 3, 0)
