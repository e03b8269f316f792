"""How one process sees the shared tokens: what it takes, owes, renews, and does for the dead."""

from __future__ import annotations

import os
from math import inf
from pathlib import Path

import pytest

from aiocapdist.events import QuotaDegraded
from aiocapdist.quota._core.store import GRACE, Demand
from aiocapdist.quota._file.owner import Owner
from aiocapdist.quota._file.section import WAITERS
from aiocapdist.quota._file.store import (
    BACK_AFTER,
    COLD,
    LEASE,
    LOOK_EVERY,
    FileStore,
)
from aiocapdist.quota._file.updater import LOCKED_AT_MOST, RETRY_AFTER, RETRY_IN_TROUBLE

from ..forks import in_a_fork
from .machine import Machine
from .sections import CALL, MARGIN, PERIOD, SPAN

WAITING = Demand(eager=1)

pytestmark = pytest.mark.usefixtures("machine")


def store_of(machine: Machine, limit: int = 3, period: float = PERIOD) -> FileStore:
    store = machine.store(limit, period)
    store.advance(machine.now)
    return store


def counts(store: FileStore) -> tuple[int, int, int]:
    """Free, held and expiring, as it saw them last."""
    assert store.free + store.held + store.expiring == store._limit
    return store.free, store.held, store.expiring


def look(store: FileStore, machine: Machine) -> tuple[int, int, int]:
    store.advance(machine.now)
    return counts(store)


# ---- taken, put back, settled


def test_what_one_takes_the_other_sees_when_it_looks(machine: Machine) -> None:
    one, other = store_of(machine), store_of(machine)
    assert one.acquire(2) == 2
    assert counts(one) == (1, 2, 0)
    assert counts(other) == (3, 0, 0)
    assert look(other, machine) == (1, 2, 0)
    one.release()
    assert counts(one) == (2, 1, 0)
    one.settle(1, machine.now)
    assert counts(one) == (2, 0, 1)
    machine.now += SPAN - 0.001
    assert look(other, machine) == (2, 0, 1)
    machine.now += 0.001
    assert look(other, machine) == (3, 0, 0)


def test_no_more_are_taken_than_there_are_whatever_was_seen_before(machine: Machine) -> None:
    one, other = store_of(machine), store_of(machine)
    one.acquire(2)
    assert other.usable(3) == 3
    assert other.acquire(3) == 1
    assert other.acquire() == 0


def testceiling_and_reserve_are_kept_at_the_moment_of_taking(machine: Machine) -> None:
    one, other = store_of(machine, 5), store_of(machine, 5)
    one.acquire(2)
    assert other.acquire(5, 4, 2) == 1
    assert other.acquire(5, 4, 2) == 0
    assert other.acquire(5, 4) == 1
    assert other.acquire(5, 4) == 0


def test_a_refused_one_counts_for_noceiling(machine: Machine) -> None:
    store = store_of(machine, 3)
    store.acquire(2)
    store.settle(1, machine.now, rejected=True)
    assert (store.usable(3), store.usable(2), store.usable(1)) == (1, 1, 0)
    assert counts(store) == (1, 1, 1)


def test_a_token_expires_from_the_time_that_is_told_and_longer_with_a_grace(
    machine: Machine,
) -> None:
    store = store_of(machine)
    store.acquire(2)
    replied = machine.now
    machine.now += 5.0
    store.settle(1, replied)
    store.settle(1, replied, grace=1.0)
    assert store.next_back == pytest.approx(replied + SPAN, abs=2 * BACK_AFTER)
    machine.now = replied + SPAN
    assert look(store, machine) == (2, 0, 1)
    assert store.next_back == pytest.approx(replied + SPAN + 1.0, abs=2 * BACK_AFTER)
    assert store.next_back > replied + SPAN + 1.0


def test_where_nothing_is_to_come_it_says_so(machine: Machine) -> None:
    assert store_of(machine).next_back == inf
    assert store_of(machine).next_duty == inf


def test_the_estimate_is_that_of_a_ledger(machine: Machine) -> None:
    store = store_of(machine, 3)
    assert [store.eta(n, machine.now, 3) for n in (1, 3)] == [0.0, 0.0]
    assert store.eta(4, machine.now, 3) == pytest.approx(SPAN)
    store.acquire(3)
    store.settle(1, machine.now)
    store.settle(1, machine.now, rejected=True)
    machine.now += 10.0
    assert store.eta(1, machine.now, 3) == pytest.approx(20.05, abs=1e-5)
    assert store.eta(2, machine.now, 3) == pytest.approx(20.05, abs=1e-5)
    assert store.eta(3, machine.now, 3) == pytest.approx(SPAN)


def test_another_clock_changes_no_moment(machine: Machine) -> None:
    store = store_of(machine)
    store.acquire(2)
    store.settle(1, machine.now)
    with machine.locked():
        store.advance(machine.now)
    machine.now += 10.0
    store.advance(machine.now)
    machine.now += 500.0
    store.clock = store.updater.clock = lambda: machine.now - 500.0
    store.shift(0.0)
    before = (store.next_back, store.eta(3, machine.now, 3), store.next_duty)
    store.clock = store.updater.clock = lambda: machine.now
    store.shift(500.0)
    after = (store.next_back, store.eta(3, machine.now + 500.0, 3), store.next_duty)
    assert [b - a for a, b in zip(before, after, strict=True)] == pytest.approx([500.0, 0, 500.0])


# ---- others


def test_while_others_hold_tokens_it_looks_each_second(machine: Machine) -> None:
    one, other = store_of(machine), store_of(machine)
    one.acquire()
    look(other, machine)
    assert other.next_back == machine.now + LOOK_EVERY
    assert one.next_back == inf, "of its own it knows all"
    path = machine.path.with_name("brief")
    brief = machine.store(3, 0.3, path)
    machine.store(3, 0.3, path).acquire()
    brief.advance(machine.now)
    assert brief.next_back == pytest.approx(machine.now + 0.01)


def test_the_tokens_of_the_dead_are_free_a_period_after_someone_noticed(
    machine: Machine,
) -> None:
    dies, lives = store_of(machine), store_of(machine)
    dies.acquire(2)
    lives.acquire(1)
    machine.dead.add(dies.owner.instance)
    assert look(lives, machine) == (0, 3, 0), "it looked just now"
    machine.now += LOOK_EVERY
    assert look(lives, machine) == (0, 1, 2)
    machine.now += SPAN + GRACE - 0.001
    assert look(lives, machine) == (0, 1, 2)
    machine.now += 0.001
    assert look(lives, machine) == (2, 1, 0)


def test_a_token_that_its_holder_never_spoke_of_again_is_free_when_the_lease_ends(
    machine: Machine,
) -> None:
    """Nobody can see whether it lives."""
    one, other = store_of(machine), store_of(machine)
    one.acquire(2)
    machine.now += LEASE + SPAN - 0.001
    assert look(other, machine) == (1, 2, 0)
    machine.now += 0.001
    assert look(other, machine) == (3, 0, 0)


def test_who_lives_renews_its_lease_in_time(machine: Machine) -> None:
    one, other = store_of(machine), store_of(machine)
    one.acquire(2)
    for _ in range(10):
        assert one.next_duty == pytest.approx(machine.now + LEASE / 2)
        machine.now = one.next_duty + 0.001
        one.advance(machine.now)
        assert look(other, machine) == (1, 2, 0)
    one.release(2)
    assert one.next_duty == inf


def test_looking_before_that_time_renews_nothing(machine: Machine) -> None:
    one = store_of(machine)
    one.acquire(2)
    before = machine.path.read_bytes()
    machine.now = one.next_duty - 0.001
    one.advance(machine.now)
    assert machine.path.read_bytes() == before


def test_who_slept_too_long_has_what_is_left_and_its_replies_count_all_the_same(
    machine: Machine,
) -> None:
    one, other = store_of(machine), store_of(machine)
    one.acquire(3)
    machine.now += 10 * LEASE
    assert other.acquire(2) == 2
    assert look(one, machine) == (0, 3, 0)
    one.settle(2, machine.now)
    assert counts(one) == (0, 2, 1)
    other.release(2)
    one.settle(1, machine.now)
    assert counts(one) == (1, 0, 2)


def test_what_the_page_says_that_i_hold_and_i_do_not_expires(machine: Machine) -> None:
    """An exception came after it was written: nobody knows whether the request left."""
    one = store_of(machine)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("aiocapdist.quota._file.ledger_file.fcntl.flock", flock_then(interrupted))
        one.acquire(2)
    assert machine.free == 1
    assert look(one, machine) == (1, 0, 2)
    machine.now += SPAN + GRACE - 0.001
    assert look(one, machine) == (1, 0, 2)
    machine.now += 0.001
    assert look(one, machine) == (3, 0, 0)


def flock_then(strike: object) -> object:
    """Lets the first call through, which locks, and strikes after the second, which unlocks."""
    import fcntl

    flock, calls = fcntl.flock, []

    def struck(descriptor: int, what: int) -> None:
        flock(descriptor, what)
        calls.append(what)
        if len(calls) == 2:
            strike()  # type: ignore[operator]

    return struck


def test_two_that_go_on_in_a_new_file_lose_none_for_good(machine: Machine) -> None:
    """Each knew of the other what was true a while ago."""
    one, other = store_of(machine, 6), store_of(machine, 6)
    one.acquire(2)
    look(other, machine)
    other.acquire(2)
    one.settle(2, machine.now)
    machine.path.unlink()
    machine.now += 0.001
    look(other, machine)
    look(one, machine)
    assert look(other, machine)[0] == 0
    assert (one.mine, other.mine) == (0, 2)
    machine.now += LEASE + SPAN + GRACE + 0.001
    for store in (one, other, one):
        look(store, machine)
    for store in (one, other, one):
        assert look(store, machine) == (4, 2, 0)


def test_a_cold_ledger_is_told_until_it_is_warm(machine: Machine) -> None:
    one = store_of(machine)
    assert one.degraded is None
    machine.path.unlink()
    look(one, machine)
    told = one.degraded
    assert told == QuotaDegraded(reason=f"{COLD} for 151 s", fallback=0)
    machine.now += 100.0
    assert one.degraded is told, "the same words: it is told once"
    assert one.next_duty == pytest.approx(machine.now + LEASE + SPAN + GRACE - 100.0)
    machine.now = one.next_duty + 0.001
    assert one.degraded is None
    assert one.next_duty == inf
    assert look(one, machine) == (3, 0, 0)


# ---- refusals of others


def test_refusals_of_others_come_to_be_known_and_ones_own_are_not_told_twice(
    machine: Machine,
) -> None:
    one, other = store_of(machine), store_of(machine)
    one.acquire(2)
    one.settle(2, machine.now, rejected=True)
    assert one.fresh_rejections() == 0
    look(other, machine)
    assert other.fresh_rejections() == 2
    assert other.fresh_rejections() == 0
    assert look(one, machine) == (1, 0, 2)
    assert one.fresh_rejections() == 0


def test_who_comes_later_does_not_hear_of_earlier_refusals(machine: Machine) -> None:
    one = store_of(machine)
    one.acquire()
    one.settle(1, machine.now, rejected=True)
    newcomer = store_of(machine)
    assert newcomer.fresh_rejections() == 0


def test_one_who_was_refused_before_it_ever_looked_knows_of_it(machine: Machine) -> None:
    store = machine.store()
    store.mine = 1
    store.settle(1, machine.now, rejected=True)
    assert store.fresh_rejections() == 0


def test_none_are_taken_before_a_refusal_has_come_to_be_known(machine: Machine) -> None:
    one, other = store_of(machine), store_of(machine)
    one.acquire()
    one.settle(1, machine.now, rejected=True)
    assert other.acquire(2) == 0
    assert other.next_back <= machine.now + PERIOD / 3000
    assert other.fresh_rejections() == 1
    machine.now = other.next_back
    assert look(other, machine) == (2, 0, 1)
    assert other.acquire(2) == 2


# ---- who waits


def test_who_takes_while_others_wait_leaves_them_a_share_for_a_moment(machine: Machine) -> None:
    one, other = store_of(machine, 9), store_of(machine, 9)
    other.demand(WAITING)
    assert one.acquire(9) == 5
    assert one.usable(9) == 0, "for a hundredth of a second"
    assert one.next_back == machine.now + PERIOD / 3000
    assert other.acquire(9) == 4
    one.release(5)
    machine.now = one.next_back
    assert look(one, machine) == (5, 4, 0)
    assert one.acquire(9) == 5, "nobody waits any more"


def test_a_token_alone_goes_to_who_waits_longest(machine: Machine) -> None:
    one, other = store_of(machine, 1), store_of(machine, 1)
    other.demand(WAITING)
    one.demand(WAITING)
    assert one.acquire() == 0
    assert other.acquire() == 1
    other.release()
    other.demand(WAITING)
    machine.now = one.next_back
    look(one, machine)
    assert one.acquire() == 1, "the other had its turn"


def test_who_waits_longest_and_does_not_take_keeps_nobody_waiting(machine: Machine) -> None:
    """It cannot use one just now, or has died."""
    one, other = store_of(machine, 2), store_of(machine, 2)
    other.demand(WAITING)
    taken = []
    for _ in range(3):
        taken.append(one.acquire(2))
        one.demand(WAITING)
        machine.now = one.next_back
        look(one, machine)
    assert taken == [1, 0, 1]


def test_who_only_looks_ends_no_pause(machine: Machine) -> None:
    """Nobody would try again: there is no other time at which to wake."""
    one, other = store_of(machine, 2), store_of(machine, 2)
    other.demand(WAITING)
    assert one.acquire(2) == 1
    pause_ends = one.next_back
    look(one, machine)
    assert (one.next_back, one.usable(2)) == (pause_ends, 0)
    machine.now = pause_ends
    look(one, machine)
    assert one.usable(2) == 1


def test_of_the_last_one_a_taker_leaves_it_first_and_takes_it_then(machine: Machine) -> None:
    one, other = store_of(machine, 1), store_of(machine, 1)
    other.demand(WAITING)
    assert one.acquire() == 0
    machine.now = one.next_back
    look(one, machine)
    assert one.acquire() == 1


def test_who_waits_says_so_once_for_as_long_as_it_holds(machine: Machine) -> None:
    one = store_of(machine)
    one.demand(WAITING)
    before = machine.path.read_bytes()
    one.demand(WAITING)
    assert machine.path.read_bytes() == before
    machine.now += 2 * LOOK_EVERY
    one.demand(WAITING)
    assert machine.path.read_bytes() != before


def test_who_waits_for_a_token_to_expire_is_believed_until_then(machine: Machine) -> None:
    one, other = store_of(machine), store_of(machine)
    one.acquire(3)
    one.settle(3, machine.now)
    look(other, machine)
    other.demand(WAITING)
    (until,) = machine.section.waiting.values()
    assert until == pytest.approx(machine.uptime + SPAN + 2 * LOOK_EVERY, abs=0.01)


def test_a_crowd_that_waits_is_no_trouble(machine: Machine) -> None:
    crowd = [store_of(machine, 4) for _ in range(WAITERS + 3)]
    for store in crowd:
        store.demand(WAITING)
    assert crowd[0].acquire(4) == 1
    assert len(machine.section.waiting) == WAITERS - 1


# ---- locked, and in trouble


def test_what_cannot_be_written_now_is_owed_and_written_soon(machine: Machine) -> None:
    store = store_of(machine)
    store.acquire(3)
    with machine.locked():
        store.settle(1, machine.now)
        store.release(1)
        assert machine.free == 0
        assert store.next_back == store.next_duty == machine.now + RETRY_AFTER
        assert store.usable(3) == 0
    machine.now = store.next_duty
    assert look(store, machine) == (1, 1, 1)
    assert machine.free == 1
    assert store.next_duty == pytest.approx(machine.now - RETRY_AFTER + LEASE / 2)


def test_while_it_is_locked_nothing_is_taken_and_nobody_wakes_in_the_past(
    machine: Machine,
) -> None:
    store = store_of(machine)
    store.acquire()
    store.settle(1, machine.now)
    machine.now += 2 * SPAN  # it would be free by now
    with machine.locked():
        assert store.acquire() == 0
        store.advance(machine.now)
        assert store.next_back == machine.now + RETRY_AFTER
        assert store.updater.trouble is None
    machine.now += RETRY_AFTER
    assert look(store, machine) == (3, 0, 0)
    assert store.acquire() == 1


def test_a_lock_that_is_kept_is_trouble_until_it_is_let_go(machine: Machine) -> None:
    store = store_of(machine)
    store.acquire()
    with machine.locked():
        store.advance(machine.now)
        machine.now += LOCKED_AT_MOST - 0.001
        store.advance(machine.now)
        assert store.updater.trouble is None
        machine.now += 0.001
        store.advance(machine.now)
        assert store.updater.trouble is not None
        assert store.updater.trouble.reason == "another program has held its lock for seconds"
        assert store.next_back == machine.now + RETRY_IN_TROUBLE
    machine.now = store.next_back
    assert look(store, machine) == (2, 1, 0)
    assert store.updater.trouble is None
    with machine.locked():
        store.advance(machine.now)
        assert store.updater.trouble is None, "this is another time"


def test_how_long_it_is_locked_is_counted_on_whatever_clock(machine: Machine) -> None:
    store = store_of(machine)
    with machine.locked():
        store.advance(machine.now)
        machine.now += 9000.0
        store.shift(9000.0)
        store.advance(machine.now)
        assert store.updater.trouble is None


def test_where_the_file_cannot_be_used_it_is_tried_each_second(machine: Machine) -> None:
    store = store_of(machine)
    store.acquire(2)
    kept = machine.path.read_bytes()
    machine.path.write_bytes(b"something else")
    store.settle(1, machine.now)
    assert store.updater.trouble is not None
    assert store.updater.trouble.reason == "it holds something else"
    assert store.next_back == store.next_duty == machine.now + RETRY_IN_TROUBLE
    assert store.acquire() == store.usable(3) == 0
    machine.path.write_bytes(kept)
    machine.now = store.next_duty
    assert look(store, machine) == (1, 1, 1)
    assert store.updater.trouble is None


def test_a_closer_look_is_beside_what_is_done_with_the_file(machine: Machine) -> None:
    """In a thread: it must share neither descriptor nor page."""
    store = store_of(machine)
    store.acquire()
    descriptors = len(os.listdir("/dev/fd"))
    assert store.updater.check()
    with machine.locked():
        assert not store.updater.check()
    assert len(os.listdir("/dev/fd")) == descriptors
    assert counts(store) == (2, 1, 0)


def test_a_look_at_what_cannot_be_used_leaves_nothing_open(tmp_path: Path) -> None:
    store = FileStore(tmp_path, CALL, 3, PERIOD, MARGIN)
    descriptors = len(os.listdir("/dev/fd"))
    with pytest.raises(Exception, match="Is a directory"):
        store.updater.check()
    assert len(os.listdir("/dev/fd")) == descriptors


# ---- fork


def test_a_forked_child_holds_and_owes_nothing_of_its_parents(machine: Machine) -> None:
    store = store_of(machine)
    store.acquire(2)
    parent = store.owner
    with machine.locked():
        store.settle(1, machine.now)

    def child() -> bool:
        store.after_fork(machine.now)
        assert store.owner.pid == os.getpid() != parent.pid
        assert (store.mine, store.updater.has_pending) == (0, False)
        machine.now += 1.0
        return look(store, machine) == (1, 2, 0) and store.acquire() == 1 and store.mine == 1

    assert in_a_fork(child) == 0
    machine.now += 1.0
    assert look(store, machine) == (0, 2, 1)
    assert len({token.owner for token in machine.section.tokens}) == 2


def test_what_is_owed_is_kept_where_it_cannot_be_written_at_last(machine: Machine) -> None:
    store = store_of(machine)
    store.acquire(2)
    with machine.locked():
        store.settle(1, machine.now)
        store.close()
    machine.now = store.next_back
    assert look(store, machine) == (1, 1, 1)
    store.close()


def test_holders_differ_even_in_one_process(machine: Machine) -> None:
    one, other = store_of(machine), store_of(machine)
    assert isinstance(one.owner, Owner)
    assert one.owner != other.owner
