"""The script, exchange by exchange, on a real server and by a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pytest
import redis

from aiocapdist.quota._core.store import GRACE
from aiocapdist.quota._redis.exchange import Terms

from .books import TERMS, Book
from .servers import Server, needs_redis

pytestmark = needs_redis
MILLISECONDS = 0.005


@pytest.fixture
def book(redis_server: Server) -> Iterator[Book]:
    book = Book(redis_server)
    yield book
    book.close()


@pytest.fixture
def new_book(redis_server: Server) -> Iterator[Book]:
    book = Book(redis_server, warm=False)
    yield book
    book.close()


# ---- taking and giving back


def test_as_many_as_are_free_are_granted_and_no_more(book: Book) -> None:
    assert book.ask("a", "a1", "a2", "a3").granted == 3
    assert book.ask("a", "a4", "a5").granted == 1
    assert book.ask("a", "a6").granted == 0


def test_a_reply_frees_its_token_a_period_and_the_margin_later(book: Book) -> None:
    book.ask("a", *"1234")
    book.now += 5.0
    book.settle("1")
    book.now += 30.05 - MILLISECONDS
    assert book.free() == 0
    book.now += 2 * MILLISECONDS
    assert book.free() == 1


def test_a_reply_that_is_told_late_counts_from_when_it_came(book: Book) -> None:
    book.ask("a", *"1234")
    book.now += 8.0
    book.settle("1", ago=6.0)
    book.now += 24.05 + MILLISECONDS
    assert book.free() == 1


def test_one_told_so_late_that_it_has_expired_is_free(book: Book) -> None:
    book.ask("a", *"1234")
    book.now += 8.0
    book.settle("1", ago=31.0)
    assert book.free() == 1


def test_what_was_not_used_is_free_at_once(book: Book) -> None:
    book.ask("a", *"1234")
    book.release("2", "3", "unheard of")
    assert book.free() == 2


def test_who_dies_loses_his_tokens_when_no_request_of_his_can_count_any_more(book: Book) -> None:
    book.ask("dies", *"1234")
    lost_for = TERMS.lease + GRACE + TERMS.expiry
    book.now += lost_for - MILLISECONDS
    assert book.free() == 0
    book.now += 2 * MILLISECONDS
    assert book.free() == 4


def test_who_renews_keeps_them(book: Book) -> None:
    book.ask("a", *"1234")
    for _ in range(20):
        book.now += 9.0
        book.renew("1", "2")
    assert book.free() == 2


def test_a_late_renewal_does_not_hold_what_was_settled(book: Book) -> None:
    book.ask("a", *"1234")
    book.settle("1")
    book.settle("2", rejected=True)
    book.renew("1", "2")
    book.now += 30.05 + MILLISECONDS
    assert book.free() == 2


# ---- what the server has forgotten


def test_a_reply_to_a_lease_it_does_not_know_is_counted(book: Book) -> None:
    book.settle("unheard of")
    assert book.free() == 3
    book.now += 30.05 + MILLISECONDS
    assert book.free() == 4


def test_a_renewal_of_one_it_does_not_know_is_one(book: Book) -> None:
    book.renew("unheard of", "another")
    assert book.free() == 2


def test_a_new_book_is_cold_until_all_it_may_have_held_is_back(new_book: Book) -> None:
    book = new_book
    cold = TERMS.longest
    answer = book.ask("a", "1")
    assert answer.granted == 0
    assert answer.cold == pytest.approx(cold, abs=MILLISECONDS)
    assert len(answer.counted) == TERMS.limit
    assert min(answer.counted) == pytest.approx(cold, abs=MILLISECONDS)
    book.now += cold - MILLISECONDS
    assert book.ask("a", "2").granted == 0
    book.now += 2 * MILLISECONDS
    assert book.ask("a", *"3456").granted == 4


@pytest.mark.parametrize("loss", ["another server", "no book"])
def test_a_loss_makes_it_cold_again(book: Book, loss: str) -> None:
    book.ask("a", *"12")
    if loss == "no book":
        book.client.delete(book.key)
    else:
        book.client.hset(book.key, "run", "0" * 40)
    assert book.look().cold == pytest.approx(TERMS.longest, abs=MILLISECONDS)
    book.now += TERMS.longest / 2
    assert book.look().cold == pytest.approx(TERMS.longest / 2, abs=2 * MILLISECONDS)
    book.now += TERMS.longest / 2 + MILLISECONDS
    assert book.ask("a", *"3456").granted == 4


def test_an_old_copy_is_cold_if_its_owner_heard_of_a_later_exchange(book: Book) -> None:
    book.ask("a", "1")
    old = [*chain(*book.fields().items())]
    heard = book.ask("b", "2", "3").number
    book.client.delete(book.key)
    book.client.hset(book.key, items=old)
    assert book.look(heard=heard - 1).cold == 0, "this one cannot know"
    book.client.hset(book.key, items=old)
    answer = book.look(heard=heard)
    assert answer.cold == pytest.approx(TERMS.longest, abs=MILLISECONDS)
    assert answer.number > heard
    book.now += 1.0
    left = book.look(heard=heard + 1).cold
    assert left == pytest.approx(TERMS.longest - 1.0, abs=2 * MILLISECONDS), "from then on"


def test_a_book_that_is_begun_anew_has_higher_numbers(new_book: Book) -> None:
    first = new_book.look().number
    heard = new_book.look(heard=first).number
    assert heard == first + 1
    new_book.client.delete(new_book.key)
    new_book.now += 1.0
    assert new_book.look().number > heard
    new_book.now += TERMS.longest + MILLISECONDS
    assert new_book.look(heard=heard).cold == 0, "it was cold since"


def test_what_is_held_through_a_loss_is_counted_after_it(book: Book) -> None:
    book.ask("a", *"12")
    book.client.delete(book.key)
    for _ in range(8):
        book.renew("1", "2")
        book.now += TERMS.longest / 7
    assert book.look().cold == 0
    assert book.free() == 2


def test_a_clock_that_is_set_back_holds_nothing_for_longer_than_a_dead_owners(
    book: Book,
) -> None:
    book.ask("a", *"1234")
    book.now -= 3600.0
    book.look()
    book.now += TERMS.longest + MILLISECONDS
    assert book.free() == 4


def test_nor_is_anything_kept_for_who_asked_before_it_was(book: Book) -> None:
    book.ask("a", *"1234")
    book.ask("dies", "d1")
    book.now -= 3600.0
    book.release("1")
    assert book.ask("b", "b1").granted == 1


def test_nor_does_it_stay_cold(new_book: Book) -> None:
    book = new_book
    book.look()
    book.now -= 3600.0
    assert book.look().cold == pytest.approx(TERMS.longest, abs=2 * MILLISECONDS)


# ---- twice is once


def test_an_exchange_whose_answer_was_lost_is_made_again(book: Book) -> None:
    assert book.ask("a", *"123").granted == 3
    assert book.ask("a", *"123").granted == 3
    assert book.free() == 1


def test_a_refusal_that_is_told_twice_is_one(book: Book) -> None:
    book.ask("a", "1")
    assert book.settle("1", rejected=True).rejections == 1
    assert book.settle("1", rejected=True).rejections == 1
    assert book.free() == 3


# ---- the ceiling and the reserve


def test_no_more_than_the_ceiling_are_spent_of_all_owners_together(book: Book) -> None:
    book.ask("a", "a1", "a2")
    assert book.ask("b", "b1", "b2", ceiling=3).granted == 1
    answer = book.ask("b", "b3", ceiling=3)
    assert answer.granted == 0
    assert answer.wait > 0


def test_a_rejected_one_is_not_spent_but_not_free_either(book: Book) -> None:
    book.ask("a", *"1234")
    book.settle("1", rejected=True)
    answer = book.look()
    assert (len(answer.counted), len(answer.rejected)) == (3, 1)
    assert book.ask("b", "b1").granted == 0


def test_who_leaves_a_reserve_gets_none_of_it(book: Book) -> None:
    assert book.ask("sweeps", *"1234", eager=0, leave=3).granted == 1
    assert book.ask("sweeps", *"5678", eager=0, leave=3).granted == 0
    assert book.ask("calls", "c1", "c2", leave=3).granted == 2


def test_a_reserve_that_others_leave_stops_nobody(book: Book) -> None:
    """They wait, and longer; but nothing is kept for them of what they would not take."""
    assert book.ask("sweeps", *"1234", eager=0, leave=3).granted == 1
    book.now += 0.5
    assert [book.ask("calls", f"c{n}", leave=3).granted for n in range(3)] == [1, 1, 1]


# ---- turns


def test_who_waits_longer_comes_first(book: Book) -> None:
    book.ask("sweeps", *"1234")
    book.settle("1")
    book.now += 29.0
    book.ask("b", "b1")
    book.now += 0.1
    book.ask("sweeps", "5", "6")
    book.now += 1.0
    assert book.ask("sweeps", "7", "8").granted == 0, "the one that is free is b's"
    assert book.ask("b", "b2").granted == 1


def test_who_is_served_goes_behind(book: Book) -> None:
    book.ask("a", *"1234")
    for n in range(1, 5):
        book.settle(str(n))
        book.now += 0.1
    order = []
    book.now += 0.5
    for owner in "ab":
        book.ask(owner, *(f"{owner}{n}" for n in range(9)))
    book.now += 29.05
    for n in range(10, 50):
        for owner in "ba":
            names = [f"{owner}{n}.{m}" for m in range(9)]
            order += [owner] * book.ask(owner, *names).granted
        book.now += 0.02
    assert order == ["a", "b", "a", "b"]


def test_of_many_free_ones_nobody_takes_all_while_others_wait(redis_server: Server) -> None:
    book = Book(redis_server, Terms(30, 30.0, 0.05, 10.0))
    book.ask("a", *(f"a{n}" for n in range(30)))
    for owner in "bc":
        assert book.ask(owner, *(f"{owner}{n}" for n in range(30))).granted == 0
    book.release(*(f"a{n}" for n in range(30)))
    assert book.ask("b", *(f"b1{n}" for n in range(30))).granted == 15
    assert book.ask("c", *(f"c1{n}" for n in range(30))).granted == 8
    book.close()


def test_what_is_kept_for_who_died_waiting_is_free_soon(book: Book) -> None:
    book.ask("a", *"1234")
    book.ask("dies", "d1")
    book.now += 0.01
    book.ask("b", "b1")
    book.release("1")
    assert book.ask("b", "b2").granted == 0
    book.now += 2 * 30.05 / 15 + 0.01
    assert book.ask("b", "b3").granted == 1


def test_who_wants_none_any_more_is_waited_for_no_longer(book: Book) -> None:
    book.ask("a", *"1234")
    book.ask("left", "l1")
    book.now += 0.01
    book.ask("b", "b1")
    book.release("1")
    book.ask("left")
    assert book.ask("b", "b2").granted == 1


def test_it_is_told_when_to_ask_again(book: Book) -> None:
    book.ask("a", *"1234")
    book.settle("1")
    book.now += 29.0
    book.settle("2")
    first = book.ask("b", "b1")
    assert first.wait == pytest.approx(1.05, abs=MILLISECONDS)
    second = book.ask("c", "c1")
    assert second.wait == pytest.approx(30.0 / 15, abs=MILLISECONDS), "at most so long"
    book.now += 1.06
    assert book.ask("c", "c2").granted == 0
    assert book.ask("b", "b2").granted == 1


def test_the_further_back_one_waits_the_less_often_it_asks(book: Book) -> None:
    book.ask("a", *"1234")
    waits = []
    for n in range(60):
        book.now += 0.001
        waits.append(book.ask(f"b{n:02d}", f"{n}").wait)
    recheck = 30.0 / 15
    for before, wait in enumerate(waits):
        rounds = 1 + min(7, before // TERMS.limit)
        assert wait == pytest.approx(rounds * recheck, abs=0.02)


# ---- keys that are not its own


def test_others_by_other_terms_are_rejected_while_tokens_are_out(book: Book) -> None:
    book.ask("a", "1")
    book.terms = Terms(4, 20.0, 0.05, 10.0)
    with pytest.raises(redis.ResponseError, match=r"TERMS .*limit=4, period=30, margin=0\.05"):
        book.look()
    book.terms = TERMS
    book.now += TERMS.longest + MILLISECONDS
    book.terms = Terms(4, 20.0, 0.05, 10.0)
    assert book.ask("b", "2").granted == 1


def test_a_hash_of_somebody_elses_is_left_alone(new_book: Book) -> None:
    new_book.client.hset(new_book.key, "their", "own")
    with pytest.raises(redis.ResponseError, match="FOREIGN"):
        new_book.look()
    assert new_book.fields() == {"their": "own"}


def test_so_is_what_is_no_hash(new_book: Book) -> None:
    new_book.client.set(new_book.key, "theirs")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        new_book.look()
