"""What granting one token costs while few or many wait in line."""

from __future__ import annotations

import time
from typing import Any

from aiocapdist._protocol.encoders import CapitalDistributionEncoder
from aiocapdist._protocol.flight import Flight
from aiocapdist._requests.kinds import GlobalStateRequest
from aiocapdist._requests.queue import RequestQueue
from aiocapdist._requests.routes import Route
from aiocapdist.quota import Quota
from aiocapdist.quota._core.quota import scheduler_of

FEW, MANY = 3_000, 50_000
GRANTS = 2_000


class _Connection:
    """Takes whatever it is given, and keeps nothing."""

    flights: tuple[Any, ...] = ()

    def send(self, request: Any, route: Route, now: float, alone: bool = False) -> Flight[Any]:
        return Flight(3212, 0, request, now, route)


class _Gateway:
    """A gateway that is always connected."""

    request_timeout = 10.0
    connection = _Connection()


class _Hub:
    """What a queue needs of a client."""

    clock = staticmethod(time.monotonic)

    def final_error(self, *, sent: bool) -> None:
        return None


def microseconds_per_grant(waiting: int) -> float:
    """A token at a time comes back; the first in line goes. The best of five runs."""
    return min(_run(waiting) for _ in range(5))


def _run(waiting: int) -> float:
    now = 0.0
    quota = scheduler_of(Quota(1, 1.0, margin=0.0))
    quota.attach(lambda: now, lambda event: None)
    gateway: Any = _Gateway()
    hub: Any = _Hub()
    queue = RequestQueue(hub, [Route(None, gateway, quota, CapitalDistributionEncoder())])
    for _ in range(waiting + GRANTS + 1):
        queue.submit(GlobalStateRequest(queue, attempts=1))
    began = time.process_time()
    for _ in range(GRANTS):
        quota.replied(now)
        now += 1.0
        quota.pump()
    cost = (time.process_time() - began) / GRANTS * 1e6
    assert quota.waiting == waiting
    return cost
