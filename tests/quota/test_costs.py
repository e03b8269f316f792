"""50,000 in line cost no more than 50: counted in operations, so that no machine is too slow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from aiocapdist._protocol.flight import Flight
from aiocapdist._requests.kinds import GlobalStateRequest
from aiocapdist._requests.queue import RequestQueue
from aiocapdist._requests.routes import Route
from aiocapdist.quota._core.scheduler import Scheduler

from ..support.queues import FakeConnection, Setup
from .counting import operations
from .stubs import Asking, running, scheduler

MANY, FEW = 50_000, 50
Requests: TypeAlias = list[GlobalStateRequest]
Work: TypeAlias = Callable[[Scheduler, RequestQueue, Requests], Any]


class Ready(FakeConnection):
    """A connection that keeps nothing of what is sent."""

    def send(self, request: Any, route: Route, now: float, alone: bool = False) -> Flight[Any]:
        return Flight(3212, 0, request, now, route)


def line_of(n: int, limit: int = 30) -> tuple[Scheduler, RequestQueue, Requests]:
    """A quota whose tokens are spent, and ``n`` requests of one queue that wait for it."""
    setup = Setup(limit)
    setup.gateways[0].connection = Ready()
    setup.queue.refresh()
    (quota,) = setup.schedulers
    Asking(quota, limit)
    quota.pump()
    requests = setup.submit(n)
    assert quota.waiting == n
    return quota, setup.queue, requests


def cost(n: int, work: Work) -> int:
    quota, place, requests = line_of(n)
    return operations(lambda: work(quota, place, requests))


def grant_all(quota: Scheduler, place: RequestQueue, requests: Requests) -> None:
    quota.release(30)
    quota.pump()
    assert quota.waiting == len(requests) - 30


def ask_one_more(quota: Scheduler, place: RequestQueue, requests: Requests) -> None:
    place.submit(GlobalStateRequest(place, 3))


def cancel_from_the_middle(quota: Scheduler, place: RequestQueue, requests: Requests) -> None:
    for request in requests[10:40]:
        request.cancel_if_unwanted()


def put_back(quota: Scheduler, place: RequestQueue, requests: Requests) -> None:
    place.put_back(GlobalStateRequest(place, 3))


def look(quota: Scheduler, place: RequestQueue, requests: Requests) -> None:
    assert quota.available == 0
    assert quota.waiting == len(requests)
    assert quota.eta() > 0.0
    assert place.eta(requests[0]) > 0.0


@pytest.mark.parametrize("work", [grant_all, ask_one_more, cancel_from_the_middle, put_back, look])
def test_what_is_done_at_the_line_costs_the_same_however_long_it_is(
    work: Work,
) -> None:
    few, many = cost(FEW, work), cost(MANY, work)
    assert few > 0
    assert many <= few * 1.1


def test_the_last_to_come_pays_no_more_than_the_first() -> None:
    quota, place, _ = line_of(0)

    def ask_1000() -> None:
        for _ in range(1000):
            place.submit(GlobalStateRequest(place, 3))

    first = operations(ask_1000)
    for _ in range(MANY // 1000 - 2):
        ask_1000()
    last = operations(ask_1000)
    assert quota.waiting == MANY
    assert last <= first * 1.1


def test_many_places_come_and_go_without_slowing_each_other() -> None:
    """One more place costs one more entry in a heap: its depth, not its length."""

    def serve(places: int) -> int:
        quota = scheduler(30, 30.0)
        running(quota)
        for _ in range(places):
            Asking(quota, 2)
        return operations(quota.pump)

    few, many = serve(FEW), serve(5_000)
    # What waits is counted place by place, once, for the watchers of the quota.
    assert many <= few + 3 * 5_000
