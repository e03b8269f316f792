"""The codes of a sweep: each drawn once, repeats counted without holding up the loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from sys import getrefcount
from typing import Any

import pytest

from aiocapdist import Market, Security
from aiocapdist._requests.given_codes import (
    COUNTED_AT_ONCE,
    DRAWN_FOR_A_PART,
    PARTS,
    Code,
    GivenCodes,
)

TENCENT = Security(Market.HK, "00700")


def counted(codes: Iterable[Code]) -> tuple[list[Code], dict[str, int], int]:
    """What is drawn, the repeats, and in how many steps they were counted."""
    given, steps = GivenCodes(codes), 0
    while not given.counted:
        given.count()
        steps += 1
    return list(given.draw()), given.repeats, steps


def test_each_is_drawn_once_in_the_order_given() -> None:
    wanted: list[Code] = ["SH.600519", "x", TENCENT, "HK.00001", "HK.00700", "x", "x"]
    drawn, repeats, steps = counted(wanted)
    assert drawn == ["SH.600519", "x", TENCENT, "HK.00001"]
    assert repeats == {"HK.00700": 2, "x": 3}
    assert steps == 1


def test_what_was_counted_is_freed_while_the_codes_are_drawn() -> None:
    wanted = [f"SH.{n:06d}" for n in range(COUNTED_AT_ONCE + 1)]
    assert COUNTED_AT_ONCE > PARTS * DRAWN_FOR_A_PART
    given = GivenCodes(wanted)
    while not given.counted:
        given.count()
    before = getrefcount(wanted[0])
    codes = given.draw()
    assert list(islice(codes, len(wanted))) == wanted
    after = getrefcount(wanted[0])  # within an assertion, pytest would hold it too
    assert after == before - 2, "one for its part, one for its place"


@pytest.mark.parametrize("kind", [iter, set, frozenset, dict.fromkeys])
def test_a_set_has_no_repeats_and_an_iterator_does_not_tell_them(kind: type) -> None:
    drawn, repeats, steps = counted(kind(["HK.00700", "HK.00001"]))
    assert set(map(str, drawn)) == {"HK.00700", "HK.00001"}
    assert (repeats, steps) == ({}, 1)


@pytest.mark.parametrize("kind", [list, deque, set, dict.fromkeys])
def test_a_collection_may_change_before_the_first_step(kind: Callable[..., Any]) -> None:
    codes = kind(["HK.00700", "HK.00001"])
    given = GivenCodes(codes)
    codes.clear()
    given.count()
    assert list(given.draw()) == []


@pytest.mark.parametrize("kind", [list, deque, set, dict.fromkeys])
def test_what_was_counted_may_change_before_it_is_drawn(kind: Callable[..., Any]) -> None:
    codes = kind(f"SH.{n:06d}" for n in range(2 * COUNTED_AT_ONCE))
    wanted, given, steps = list(codes), GivenCodes(codes), 0
    while not given.counted:
        given.count()
        steps += 1
    codes.clear()
    assert list(given.draw()) == wanted
    assert steps == 3


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_step_is_bounded(more: int) -> None:
    wanted = [f"SH.{n:06d}" for n in range(2 * COUNTED_AT_ONCE + more - 1)]
    drawn, repeats, steps = counted([*wanted, wanted[0]])
    assert drawn == wanted
    assert repeats == {wanted[0]: 2}
    assert steps == (2 if more < 0 else 3)
