"""Which of several gateways is used: the one with the fewest requests in flight."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from aiocapdist._protocol.flight import Flight

from ..support.queues import Setup


class Counted(list[Flight[Any]]):
    """Flights whose number is asked for, and how often."""

    asked = 0

    def __len__(self) -> int:
        type(self).asked += 1
        return super().__len__()


def loads(setup: Setup) -> list[int]:
    return [len(setup.connection(n).flights) for n in range(len(setup.gateways))]


def test_calls_of_one_turn_are_spread_evenly() -> None:
    setup = Setup(*[100] * 5)
    for count in range(1, 24):
        setup.submit()
        assert sum(loads(setup)) == count
        assert max(loads(setup)) - min(loads(setup)) <= 1


def test_a_gateway_that_replied_is_the_next() -> None:
    setup = Setup(*[100] * 5)
    setup.submit(12)  # one or two are still to come in this round
    for n in (3, 1):
        del setup.connection(n).flights[1:]
        setup.gateways[0].load_falls.count += 1
        setup.submit()
        assert len(setup.connection(n).flights) == 2
    assert sorted(loads(setup)) == [2, 2, 2, 2, 3]


def test_what_another_queue_sends_counts() -> None:
    setup = Setup(*[100] * 3)
    setup.submit(4)
    taken = next(n for n, load in enumerate(loads(setup)) if load == 1)
    setup.connection(taken).flights *= 3
    setup.submit()
    assert sorted(loads(setup)) == [2, 2, 3]


def test_of_idle_gateways_the_one_that_was_used_least_is_next() -> None:
    setup = Setup(*[100] * 4)
    for gateway, calls in zip(setup.gateways, (7, 3, 5, 4), strict=True):
        gateway.stats.calls = calls
    setup.submit(3)
    assert loads(setup) == [0, 1, 1, 1]


def test_as_loaded_gateways_are_used_in_turn() -> None:
    setup = Setup(*[100] * 3)
    setup.submit(3)
    used = []
    for _ in range(6):
        before = loads(setup)
        setup.submit()
        n = next(n for n, load in enumerate(loads(setup)) if load > before[n])
        used.append(n)
        del setup.connection(n).flights[1:]  # it replied at once
        setup.gateways[0].load_falls.count += 1
    assert sorted(used[:3]) == sorted(used[3:]) == [0, 1, 2]


def test_finding_a_gateway_costs_the_same_for_few_and_many() -> None:
    costs = []
    for count in (4, 64):
        setup = Setup(*[1000] * count)
        for n in range(count):
            setup.connection(n).flights = Counted()
        setup.queue.refresh()
        Counted.asked = 0
        setup.submit(40 * count)
        costs.append(Counted.asked / (40 * count))
    few, many = costs
    assert many < 1.1 * few < 4


def test_of_very_many_calls_each_gateway_gets_several_in_a_row_and_a_fifth_more_at_most() -> None:
    setup = Setup(*[1000] * 4)
    used = []
    for _ in range(4 * 64):
        before = loads(setup)
        setup.submit()
        least, most = min(loads(setup)), max(loads(setup))
        assert most - least <= (1 if least < 30 else least // 5 + 1)
        used.append(next(n for n in range(4) if len(setup.connection(n).flights) > before[n]))
    assert sum(a != b for a, b in pairwise(used[-100:])) < 20
