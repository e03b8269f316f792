"""What granting one token costs while few or many wait in line."""

from __future__ import annotations

import time

from aiocapdist._requests.queue import RequestQueue
from aiocapdist.quota import Quota
from aiocapdist.quota._core.quota import scheduler_of

FEW, MANY = 3_000, 50_000
GRANTS = 2_000


class _Request:
    """As little of a request as a lane touches."""

    flight: object = None
    scopes = ()


class _Link:
    """A connection that takes whatever it is given."""

    request_timeout = 10.0
    clock = staticmethod(time.monotonic)

    @property
    def connection(self) -> _Link:
        return self

    def send(self, request: object, now: float) -> object:
        return request


def microseconds_per_grant(waiting: int) -> float:
    """A token at a time comes back; the first in line goes. The best of five runs."""
    return min(_run(waiting) for _ in range(5))


def _run(waiting: int) -> float:
    now = 0.0
    quota = scheduler_of(Quota(1, 1.0, margin=0.0))
    quota.attach(lambda: now, lambda event: None)
    lane = RequestQueue(_Link(), quota)  # type: ignore[arg-type]
    for _ in range(waiting + GRANTS + 1):
        lane.submit(_Request())  # type: ignore[arg-type]
    began = time.process_time()
    for _ in range(GRANTS):
        quota.replied(now)
        now += 1.0
        quota.pump()
    cost = (time.process_time() - began) / GRANTS * 1e6
    assert quota.waiting == waiting
    return cost
