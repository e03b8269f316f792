"""Positions in a queue, compared with a plain list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aiocapdist._requests.positions import Positions

from ..support.queues import Setup

CHANGES = st.lists(st.integers(-300, 400), max_size=300)
"""A negative number removes the member at that place, any other appends one."""


@given(first=st.integers(0, 70), changes=CHANGES)
def test_positions_are_those_in_a_list(first: int, changes: list[int]) -> None:
    members = list(range(first))
    positions, nxt = Positions(members), first
    for change in changes:
        if change < 0 and members:
            positions.discard(members.pop(change % len(members)))
        else:
            members.append(nxt)
            if not positions.append(nxt):
                positions = Positions(members)
            nxt += 1
    assert [positions.of(member) for member in members] == list(range(1, len(members) + 1))
    assert [n for n in range(nxt) if n in positions] == members


def test_room_for_as_many_again_and_64() -> None:
    positions = Positions(range(10))
    assert [positions.append(n) for n in range(10, 85)] == [True] * 74 + [False]


def test_discarding_a_stranger_changes_nothing() -> None:
    positions = Positions("abc")
    positions.discard("x")
    positions.discard("a")
    positions.discard("a")
    assert positions.of("c") == 2


def test_a_queues_etas_are_right_whoever_left_joined_or_went_to_the_head() -> None:
    setup = Setup(1)
    setup.submit()
    requests = setup.submit(9)
    queue = setup.queue
    expected = queue.eta(requests[8]) / 9

    def check() -> None:
        etas = [round(queue.eta(request) / expected) for request in requests]
        assert etas == list(range(1, len(requests) + 1))

    check()
    requests.pop(4).cancel_if_unwanted()
    check()
    requests += setup.submit()
    check()
    last = requests.pop()
    queue.withdraw(last)
    queue.put_back(last)
    requests.insert(0, last)
    check()
    assert queue.drain() == requests
    requests = setup.submit(3)
    check()
