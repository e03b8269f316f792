"""The keeper of the quota's time: it wakes when a token comes back, and not before.

On trio's mock clock. Promise 6: nobody waits a moment longer than need be.
"""

from __future__ import annotations

from typing import Any

import anyio
import pytest
import trio
import trio.testing

from aiocapdist.quota._core.scheduler import Scheduler

from .stubs import Asking, Watched, scheduler

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> Any:
    return ("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})


class Noting(Asking):
    """Notes when it was granted."""

    def __init__(self, quota: Scheduler, waiting: int) -> None:
        self.times: list[float] = []
        super().__init__(quota, waiting)

    def grant(self, count: int, now: float) -> int:
        self.times.append(now)
        return super().grant(count, now)


async def test_each_token_is_granted_in_the_moment_it_comes_back() -> None:
    quota, watcher = scheduler(2, 30.0, margin=0.0), Watched()
    quota.attach(trio.current_time, watcher)
    began = trio.current_time()
    async with anyio.create_task_group() as group:
        group.start_soon(quota.run)
        await trio.testing.wait_all_tasks_blocked()  # it sleeps, and knows of nothing due
        place = Noting(quota, 4)
        quota.pump()
        quota.replied(trio.current_time())
        quota.pump()
        await trio.sleep(10.0)
        quota.replied(trio.current_time())
        quota.pump()
        await trio.sleep(100.0)
        assert [time - began for time in place.times] == [0.0, 30.0, 40.0]
        assert place.bursts == [2, 1, 1]
        group.cancel_scope.cancel()
    quota.detach(watcher)
