"""What a ledger file holds: every change of it, to the token; and bytes that are no ledger."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocapdist.quota._file.page import MAGIC, WAITERS, Foreign, Page, Torn, size_of
from aiocapdist.quota._file.slots import COOLING, EMPTY, FREE, HELD, NOBODY, REFUSED, Holder, Slot

from .pages import BOOT, ONE, OTHER, PERIOD, SPAN, THIRD, blank, tally

# ---- bytes

HOLDERS = st.builds(
    Holder,
    st.integers(0, 2**32 - 1),
    *[st.integers(0, 2**64 - 1)] * 3,
)
TIMES = st.floats(allow_nan=False)
SLOTS = st.builds(Slot, st.sampled_from([FREE, HELD, COOLING, REFUSED]), HOLDERS, TIMES)


@st.composite
def pages(draw: st.DrawFn) -> Page:
    slots = draw(st.lists(SLOTS, min_size=1, max_size=40))
    page = Page(
        len(slots),
        draw(st.floats(0.001, 1e6)),
        number=draw(st.integers(0, 2**64 - 1)),
        boot=draw(st.binary(min_size=16, max_size=16)),
        epoch=draw(TIMES),
    )
    page.slots = slots
    page.refused = draw(st.integers(0, 2**64 - 1))
    instances = st.integers(1, 2**64 - 1)
    page.waiting = draw(st.dictionaries(instances, TIMES, max_size=WAITERS))
    return page


@given(pages())
def test_what_is_written_is_read(page: Page) -> None:
    data = page.pack()
    read = Page.parse(data)
    assert len(data) == size_of(page.limit)
    assert vars(read) == vars(page)
    assert list(read.waiting) == list(page.waiting), "in the order of waiting"
    assert read.pack() == data


def used() -> bytes:
    page = blank()
    page.take(1, ONE, 10.0, 100.0)
    page.take(1, OTHER, 10.0, 90.0)
    page.settle(1, OTHER, 11.0, 41.0, refused=True)
    page.wait(THIRD, 10.0, 20.0)
    return page.pack()


USED = used()


def refused(data: bytes) -> type[Exception]:
    with pytest.raises((Foreign, Torn)) as caught:
        Page.parse(data)
    return caught.type


def test_no_byte_can_be_altered_unnoticed() -> None:
    for place in range(len(USED)):
        for change in (1, 0x80, 0xFF):
            altered = bytearray(USED)
            altered[place] ^= change
            kind = refused(bytes(altered))
            assert kind is (Foreign if place < len(MAGIC) + 2 else Torn)


def test_none_can_be_missing_and_none_too_many() -> None:
    for length in range(len(USED)):
        assert refused(USED[:length]) is Torn
    for more in (b"\0", b"x", USED[-4:], USED, bytes(5000)):
        assert refused(USED + more) is Torn
        assert refused(more + USED) in (Foreign, Torn)


def test_two_pages_that_one_file_cannot_hold_half_and_half() -> None:
    page = Page.parse(USED)
    page.put_back(1, ONE)
    other = page.pack()
    for cut in range(1, len(USED)):
        mixed = USED[:cut] + other[cut:]
        if mixed not in (USED, other):
            assert refused(mixed) is Torn


@pytest.mark.parametrize(
    "data", [bytes(size_of(3)), b"# notes\n" * 100, b"A", b"aiocapdist Quota" + bytes(500)]
)
def test_what_is_no_ledger_is_foreign(data: bytes) -> None:
    with pytest.raises(Foreign, match="^it holds something else$"):
        Page.parse(data)


def test_a_later_version_is_foreign_and_named() -> None:
    later = USED[: len(MAGIC)] + b"\x07\x00" + USED[len(MAGIC) + 2 :]
    with pytest.raises(Foreign, match="^it is of version 7, and this program knows 1$"):
        Page.parse(later)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "^only 0 bytes are left of it$"),
        (USED[:100], "^only 100 bytes are left of it$"),
        (USED[:-1], "^its checksum does not fit$"),
        (USED[:-4] + bytes(4), "^its checksum does not fit$"),
    ],
)
def test_a_torn_ledger_says_how(data: bytes, words: str) -> None:
    with pytest.raises(Torn, match=words):
        Page.parse(data)


# ---- what a holder does


def test_a_new_page_is_all_free() -> None:
    page = blank(2)
    assert page.slots == [EMPTY, EMPTY]
    assert tally(page, ONE, 0.0) == (2, 0, 0, 0)


def test_tokens_are_taken_put_back_and_settled_by_their_holder_alone() -> None:
    page = blank(5)
    page.take(2, ONE, 10.0, 160.0)
    page.take(1, OTHER, 10.0, 170.0)
    assert tally(page, ONE, 10.0) == (2, 2, 1, 0)
    assert tally(page, OTHER, 10.0) == (2, 1, 2, 0)
    page.put_back(1, ONE)
    assert tally(page, ONE, 10.0) == (3, 1, 1, 0)
    page.put_back(9, THIRD)
    page.settle(1, ONE, 11.0, 41.0)
    assert tally(page, ONE, 11.0) == (3, 0, 1, 1)
    assert tally(page, ONE, 40.999) == (3, 0, 1, 1)
    assert tally(page, ONE, 41.0) == (4, 0, 1, 0)
    assert tally(page, ONE, 169.9) == (4, 0, 1, 0)
    assert tally(page, ONE, 170.0) == (5, 0, 0, 0), "whoever never says a word loses it"


def test_what_is_seen_has_its_times() -> None:
    page = blank(6)
    page.take(4, ONE, 0.0, 150.0)
    page.settle(1, ONE, 2.0, 32.0)
    page.settle(1, ONE, 3.0, 33.0, refused=True)
    page.take(1, ONE, 3.0, 151.0)
    sight = page.sight(ONE, 3.0)
    assert (sight.counted, sight.refused, sight.lease_ends) == ([32.0], [33.0], 150.0)
    assert page.sight(OTHER, 3.0).lease_ends == inf
    assert page.sight(ONE, 149.0).lease_ends == 150.0
    assert page.sight(ONE, 150.5).lease_ends == 151.0
    more = sight.having_taken(1, 120.0)
    assert (more.free, more.mine, more.lease_ends) == (sight.free - 1, sight.mine + 1, 120.0)
    assert sight.having_taken(1, 999.0).lease_ends == 150.0


def test_refusals_are_counted_and_their_tokens_told_apart() -> None:
    page = blank(3)
    page.take(3, ONE, 0.0, 150.0)
    page.settle(2, ONE, 1.0, 31.0, refused=True)
    page.settle(1, ONE, 1.0, 31.0)
    sight = page.sight(OTHER, 1.0)
    assert (page.refused, len(sight.refused), len(sight.counted)) == (2, 2, 1)


def test_what_has_cooled_is_taken_again_and_what_has_not_is_not() -> None:
    page = blank(2)
    page.take(2, ONE, 0.0, 150.0)
    page.settle(1, ONE, 1.0, 31.0)
    page.settle(1, ONE, 2.0, 32.0)
    page.take(2, OTHER, 31.0, 200.0)
    assert tally(page, OTHER, 31.0) == (0, 1, 0, 1), "only one was there"


def test_renewing_prolongs_what_the_holder_has() -> None:
    page = blank(3)
    page.take(2, ONE, 0.0, 150.0)
    page.renew(2, ONE, 60.0, 210.0)
    assert page.sight(ONE, 60.0).lease_ends == 210.0
    assert tally(page, OTHER, 209.0) == (1, 0, 2, 0)


def test_where_some_leases_have_ended_the_others_are_put_back_and_settled_first() -> None:
    page = blank(4)
    page.take(2, ONE, 0.0, 150.0)
    page.take(2, ONE, 100.0, 250.0)
    page.put_back(1, ONE)
    page.settle(1, ONE, 200.0, 230.0)
    assert tally(page, ONE, 200.0) == (3, 0, 0, 1)


def test_a_holder_that_overslept_its_lease_gets_back_what_is_still_free() -> None:
    page = blank(3)
    page.take(3, ONE, 0.0, 150.0)
    page.take(2, OTHER, 150.0, 300.0)
    page.renew(3, ONE, 151.0, 301.0)
    assert tally(page, ONE, 151.0) == (0, 1, 2, 0)


def test_a_token_that_the_page_lost_cools_all_the_same_when_its_reply_comes() -> None:
    page = blank(3)
    page.settle(2, ONE, 5.0, 35.0)
    assert tally(page, ONE, 5.0) == (1, 0, 0, 2)
    page.settle(9, ONE, 5.0, 36.0)
    assert tally(page, ONE, 35.5) == (2, 0, 0, 1), "what cools keeps its own time"


# ---- what others do for it


def test_the_tokens_of_the_dead_are_free_after_a_while_and_others_are_untouched() -> None:
    page = blank(5)
    page.take(2, ONE, 0.0, 150.0)
    page.take(1, ONE, 90.0, 240.0)
    page.take(1, OTHER, 90.0, 240.0)
    assert page.others_holding(OTHER, 100.0) == {ONE}
    assert page.others_holding(THIRD, 100.0) == {ONE, OTHER}
    assert page.others_holding(THIRD, 151.0) == {ONE, OTHER}
    assert page.others_holding(THIRD, 240.0) == set()
    page.bury(ONE, 140.0)
    assert tally(page, OTHER, 100.0) == (1, 1, 0, 3)
    assert tally(page, OTHER, 139.9) == (1, 1, 0, 3)
    assert tally(page, OTHER, 140.0) == (4, 1, 0, 0)
    assert page.others_holding(OTHER, 100.0) == set()


def test_no_lease_of_the_dead_shortens_another() -> None:
    """One had only a second left: the other is not free then for that."""
    page = blank(2)
    page.take(1, ONE, 0.0, 150.0)
    page.take(1, ONE, 100.0, 250.0)
    page.bury(ONE, 180.0)
    assert [slot.until for slot in page.slots] == [150.0, 180.0]


def test_where_nothing_is_known_nothing_is_free_for_a_while() -> None:
    page = blank(3)
    page.cool_all(200.0)
    assert tally(page, ONE, 199.9) == (0, 0, 0, 3)
    assert tally(page, ONE, 200.0) == (3, 0, 0, 0)
    assert page.others_holding(ONE, 0.0) == set()


def test_of_two_pages_all_that_either_knows_is_taken_over() -> None:
    page, other = blank(4), blank(4)
    for each in (page, other):  # what both know counts once
        each.take(1, ONE, 0.0, 150.0)
    page.take(1, OTHER, 0.0, 140.0)
    other.take(1, THIRD, 0.0, 130.0)
    page.refused, other.refused = 2, 3
    page.merge(other)
    assert page.limit == len(page.slots) == 4
    assert tally(page, ONE, 1.0) == (1, 1, 2, 0)
    assert page.refused == 3


def test_where_both_are_full_what_is_free_last_stays() -> None:
    page, other = blank(2), blank(2)
    page.take(2, ONE, 0.0, 150.0)
    other.cool_all(160.0)
    page.merge(other)
    assert page.slots == [Slot(COOLING, NOBODY, 160.0)] * 2
    assert other.slots == [Slot(COOLING, NOBODY, 160.0)] * 2


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
    page = blank(3, epoch=1.7e9)
    page.take(2, ONE, 1000.0, 1000.0 + 150.0)
    page.settle(1, ONE, 1000.0, 1000.0 + SPAN)
    page.put_back(1, ONE)
    page.wait(OTHER, 1000.0, 2000.0)
    epoch = 1.7e9 + 1000.0 + wall_runs - uptime
    page.started_anew(b"b" * 16, uptime, epoch, SPAN)
    assert (page.boot, page.epoch, page.waiting) == (b"b" * 16, epoch, {})
    assert tally(page, ONE, uptime)[0] == (3 if left == 0.0 else 2)
    assert tally(page, ONE, uptime + left + 1e-3) == (3, 0, 0, 0)
    if left:
        assert tally(page, ONE, uptime + left - 1e-3) == (2, 0, 0, 1)


def test_a_request_under_way_at_the_restart_is_nobodys_and_a_period_old_at_most() -> None:
    page = blank(1)
    page.take(1, ONE, 1000.0, 1150.0)
    page.started_anew(b"b" * 16, 100.0, 1.7e9 + 1001.0 - 100.0, SPAN)
    assert page.slots == [Slot(COOLING, NOBODY, 100.0 + SPAN)]


# ---- who waits


def test_who_waits_is_known_to_others_until_it_takes_or_says_no_more() -> None:
    page = blank(3)
    page.wait(ONE, 0.0, 10.0)
    page.wait(OTHER, 1.0, 11.0)
    assert page.others_waiting(THIRD, 1.0) == (2, 2)
    assert page.others_waiting(ONE, 1.0) == (1, 0)
    assert page.others_waiting(OTHER, 1.0) == (1, 1)
    assert page.others_waiting(THIRD, 10.5) == (1, 1)
    page.wait(ONE, 2.0, 12.0)
    assert list(page.waiting.values()) == [12.0, 11.0], "saying so again keeps the place"
    page.take(1, ONE, 3.0, 150.0)
    assert page.others_waiting(THIRD, 3.0) == (1, 1)
    page.wait(ONE, 3.0, 13.0)
    assert page.others_waiting(ONE, 3.0) == (1, 1), "whoever had one goes behind the others"


def test_only_so_many_are_remembered_and_who_has_gone_makes_room() -> None:
    page = blank(3)
    crowd = [Holder(n, 1, 1, n) for n in range(1, WAITERS + 3)]
    for n, holder in enumerate(crowd):
        page.wait(holder, 0.0, 10.0 + n)
    assert page.others_waiting(ONE._replace(instance=999), 0.0)[0] == WAITERS
    assert Page.parse(page.pack()).waiting == page.waiting
    page.wait(crowd[-1], 10.0, 30.0)
    assert list(page.waiting) == [each.instance for each in [*crowd[1:WAITERS], crowd[-1]]]
    page.wait(crowd[1], 50.0, 60.0)
    assert page.waiting == {crowd[1].instance: 60.0}, "it had a place, if an old one"


def test_a_page_tells_what_it_is_for() -> None:
    page = Page(3, PERIOD, boot=BOOT, epoch=0.5)
    assert (page.limit, page.period, page.number, page.refused) == (3, PERIOD, 0, 0)
