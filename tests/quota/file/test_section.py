"""The tokens of one call in a ledger file: every change of them, to the token."""

from __future__ import annotations

from math import inf

import pytest

from aiocapdist.quota._file.format import Contents
from aiocapdist.quota._file.owner import NOBODY, Owner
from aiocapdist.quota._file.section import WAITERS
from aiocapdist.quota._file.tokens import EXPIRING, FREE_TOKEN, Token

from .sections import CALL, ONE, OTHER, SPAN, THIRD, blank, contents_of, tally

# ---- what an owner does


def test_a_new_section_is_all_free() -> None:
    section = blank(2)
    assert section.tokens == [FREE_TOKEN, FREE_TOKEN]
    assert tally(section, ONE, 0.0) == (2, 0, 0, 0)


def test_tokens_are_acquired_released_and_settled_by_their_owner_alone() -> None:
    section = blank(5)
    section.acquire(2, ONE, 10.0, 160.0)
    section.acquire(1, OTHER, 10.0, 170.0)
    assert tally(section, ONE, 10.0) == (2, 2, 1, 0)
    assert tally(section, OTHER, 10.0) == (2, 1, 2, 0)
    section.release(1, ONE)
    assert tally(section, ONE, 10.0) == (3, 1, 1, 0)
    section.release(9, THIRD)
    section.settle(1, ONE, 11.0, 41.0)
    assert tally(section, ONE, 11.0) == (3, 0, 1, 1)
    assert tally(section, ONE, 40.999) == (3, 0, 1, 1)
    assert tally(section, ONE, 41.0) == (4, 0, 1, 0)
    assert tally(section, ONE, 169.9) == (4, 0, 1, 0)
    assert tally(section, ONE, 170.0) == (5, 0, 0, 0), "whoever never says a word loses it"


def test_what_is_seen_has_its_times() -> None:
    section = blank(6)
    section.acquire(4, ONE, 0.0, 150.0)
    section.settle(1, ONE, 2.0, 32.0)
    section.settle(1, ONE, 3.0, 33.0, rejected=True)
    section.acquire(1, ONE, 3.0, 151.0)
    view = section.view(ONE, 3.0)
    assert (view.counted, view.rejected, view.lease_ends) == ([32.0], [33.0], 150.0)
    assert section.view(OTHER, 3.0).lease_ends == inf
    assert section.view(ONE, 149.0).lease_ends == 150.0
    assert section.view(ONE, 150.5).lease_ends == 151.0
    more = view.having_acquired(1, 120.0)
    assert (more.free, more.mine, more.lease_ends) == (view.free - 1, view.mine + 1, 120.0)
    assert view.having_acquired(1, 999.0).lease_ends == 150.0


def test_refusals_are_counted_and_their_tokens_told_apart() -> None:
    section = blank(3)
    section.acquire(3, ONE, 0.0, 150.0)
    section.settle(2, ONE, 1.0, 31.0, rejected=True)
    section.settle(1, ONE, 1.0, 31.0)
    view = section.view(OTHER, 1.0)
    assert (section.rejections, len(view.rejected), len(view.counted)) == (2, 2, 1)


def test_what_has_expired_is_acquired_again_and_what_has_not_is_not() -> None:
    section = blank(2)
    section.acquire(2, ONE, 0.0, 150.0)
    section.settle(1, ONE, 1.0, 31.0)
    section.settle(1, ONE, 2.0, 32.0)
    section.acquire(2, OTHER, 31.0, 200.0)
    assert tally(section, OTHER, 31.0) == (0, 1, 0, 1), "only one was there"


def test_renewing_prolongs_what_the_owner_has() -> None:
    section = blank(3)
    section.acquire(2, ONE, 0.0, 150.0)
    section.renew(2, ONE, 60.0, 210.0)
    assert section.view(ONE, 60.0).lease_ends == 210.0
    assert tally(section, OTHER, 209.0) == (1, 0, 2, 0)


def test_where_some_leases_have_ended_the_others_are_released_and_settled_first() -> None:
    section = blank(4)
    section.acquire(2, ONE, 0.0, 150.0)
    section.acquire(2, ONE, 100.0, 250.0)
    section.release(1, ONE)
    section.settle(1, ONE, 200.0, 230.0)
    assert tally(section, ONE, 200.0) == (3, 0, 0, 1)


def test_a_owner_that_overslept_its_lease_gets_back_what_is_still_free() -> None:
    section = blank(3)
    section.acquire(3, ONE, 0.0, 150.0)
    section.acquire(2, OTHER, 150.0, 300.0)
    section.renew(3, ONE, 151.0, 301.0)
    assert tally(section, ONE, 151.0) == (0, 1, 2, 0)


def test_a_token_that_the_file_lost_expires_all_the_same_when_its_reply_comes() -> None:
    section = blank(3)
    section.settle(2, ONE, 5.0, 35.0)
    assert tally(section, ONE, 5.0) == (1, 0, 0, 2)
    section.settle(9, ONE, 5.0, 36.0)
    assert tally(section, ONE, 35.5) == (2, 0, 0, 1), "what expires keeps its own time"


# ---- what others do for it


def test_the_tokens_of_the_dead_are_free_after_a_while_and_others_are_untouched() -> None:
    section = blank(5)
    section.acquire(2, ONE, 0.0, 150.0)
    section.acquire(1, ONE, 90.0, 240.0)
    section.acquire(1, OTHER, 90.0, 240.0)
    assert section.other_owners(OTHER, 100.0) == {ONE}
    assert section.other_owners(THIRD, 100.0) == {ONE, OTHER}
    assert section.other_owners(THIRD, 151.0) == {ONE, OTHER}
    assert section.other_owners(THIRD, 240.0) == set()
    section.reclaim(ONE, 140.0)
    assert tally(section, OTHER, 100.0) == (1, 1, 0, 3)
    assert tally(section, OTHER, 139.9) == (1, 1, 0, 3)
    assert tally(section, OTHER, 140.0) == (4, 1, 0, 0)
    assert section.other_owners(OTHER, 100.0) == set()


def test_no_lease_of_the_dead_shortens_another() -> None:
    """One had only a second left: the other is not free then for that."""
    section = blank(2)
    section.acquire(1, ONE, 0.0, 150.0)
    section.acquire(1, ONE, 100.0, 250.0)
    section.reclaim(ONE, 180.0)
    assert [token.until for token in section.tokens] == [150.0, 180.0]


def test_where_nothing_is_known_nothing_is_free_for_a_while() -> None:
    section = blank(3)
    section.expire_all(200.0)
    assert tally(section, ONE, 199.9) == (0, 0, 0, 3)
    assert tally(section, ONE, 200.0) == (3, 0, 0, 0)
    assert section.other_owners(ONE, 0.0) == set()


def test_of_two_sections_all_that_either_knows_is_acquired_over() -> None:
    section, other = blank(4), blank(4)
    for each in (section, other):  # what both know counts once
        each.acquire(1, ONE, 0.0, 150.0)
    section.acquire(1, OTHER, 0.0, 140.0)
    other.acquire(1, THIRD, 0.0, 130.0)
    section.rejections, other.rejections = 2, 3
    section.merge(other)
    assert section.limit == len(section.tokens) == 4
    assert tally(section, ONE, 1.0) == (1, 1, 2, 0)
    assert section.rejections == 3


def test_where_both_are_full_what_is_free_last_stays() -> None:
    section, other = blank(2), blank(2)
    section.acquire(2, ONE, 0.0, 150.0)
    other.expire_all(160.0)
    section.merge(other)
    assert section.tokens == [Token(EXPIRING, NOBODY, 160.0)] * 2
    assert other.tokens == [Token(EXPIRING, NOBODY, 160.0)] * 2


# ---- another boot


@pytest.mark.parametrize(
    ("wall_runs", "uptime", "left"),
    [
        pytest.param(300.0, 300.0, 0.0, id="long ago"),
        pytest.param(5.0, 5.0, SPAN - 5.0, id="just now"),
        pytest.param(300.0, 2.0, SPAN - 2.0, id="before a short uptime, whatever the clock says"),
        pytest.param(-1e9, 300.0, SPAN, id="the wall clock was set back by decades"),
        pytest.param(1e9, 300.0, 0.0, id="it was set forward"),
    ],
)
def test_after_a_restart_what_was_spent_is_free_a_period_later_at_most(
    wall_runs: float, uptime: float, left: float
) -> None:
    """``wall_runs`` seconds, by the wall clock, after the last request of the boot before."""
    section = blank(3)
    section.acquire(2, ONE, 1000.0, 1000.0 + 150.0)
    section.settle(1, ONE, 1000.0, 1000.0 + SPAN)
    section.release(1, ONE)
    section.wait(OTHER, 1000.0, 2000.0)
    epoch = 1.7e9 + 1000.0 + wall_runs - uptime
    section.restarted(uptime, 1.7e9, epoch, SPAN)
    assert section.waiting == {}
    assert tally(section, ONE, uptime)[0] == (3 if left == 0.0 else 2)
    assert tally(section, ONE, uptime + left + 1e-3) == (3, 0, 0, 0)
    if left:
        assert tally(section, ONE, uptime + left - 1e-3) == (2, 0, 0, 1)


def test_a_request_under_way_at_the_restart_is_nobodys_and_a_period_old_at_most() -> None:
    section = blank(1)
    section.acquire(1, ONE, 1000.0, 1150.0)
    section.restarted(100.0, 1.7e9, 1.7e9 + 1001.0 - 100.0, SPAN)
    assert section.tokens == [Token(EXPIRING, NOBODY, 100.0 + SPAN)]


# ---- who waits


def test_who_waits_is_known_to_others_until_it_takes_or_says_no_more() -> None:
    section = blank(3)
    section.wait(ONE, 0.0, 10.0)
    section.wait(OTHER, 1.0, 11.0)
    assert section.others_waiting(THIRD, 1.0) == (2, 2)
    assert section.others_waiting(ONE, 1.0) == (1, 0)
    assert section.others_waiting(OTHER, 1.0) == (1, 1)
    assert section.others_waiting(THIRD, 10.5) == (1, 1)
    section.wait(ONE, 2.0, 12.0)
    assert list(section.waiting.values()) == [12.0, 11.0], "saying so again keeps the place"
    section.acquire(1, ONE, 3.0, 150.0)
    assert section.others_waiting(THIRD, 3.0) == (1, 1)
    section.wait(ONE, 3.0, 13.0)
    assert section.others_waiting(ONE, 3.0) == (1, 1), "whoever had one goes behind the others"


def test_only_so_many_are_remembered_and_who_has_gone_makes_room() -> None:
    section = blank(3)
    crowd = [Owner(n, 1, 1, n) for n in range(1, WAITERS + 3)]
    for n, owner in enumerate(crowd):
        section.wait(owner, 0.0, 10.0 + n)
    assert section.others_waiting(ONE._replace(instance=999), 0.0)[0] == WAITERS
    read = Contents.unpack(contents_of(section).pack()).section(CALL)
    assert read is not None
    assert read.waiting == section.waiting
    section.wait(crowd[-1], 10.0, 30.0)
    assert list(section.waiting) == [each.instance for each in [*crowd[1:WAITERS], crowd[-1]]]
    section.wait(crowd[1], 50.0, 60.0)
    assert section.waiting == {crowd[1].instance: 60.0}, "it had a place, if an old one"
