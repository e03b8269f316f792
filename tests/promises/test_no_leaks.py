"""Promise 19: nothing leaks; the soak of tools/soak.py for some seconds.

Equal rounds of calls, losses, faults and cancels. After each, no task, socket, table entry or
token is left (the soak checks that itself), no object of the library stays alive, and no memory
is kept for the calls.
"""

from __future__ import annotations

import gc
import os
import tracemalloc
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import anyio
import pytest

from tools.soak import slope

from ..support.loops import STEPPED_LOOPS
from ..support.soak import RATES, Soak

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_reconnect_delay")]
CALLS = 1500 * int(os.environ.get("AIOCAPDIST_SCALE", "1"))
GROWTH = 20 * CALLS  # bytes: less than one reference and what it refers to, for each call
LOGGED = {
    "aiocapdist.simulator._request_log.LoggedRequest",
    "aiocapdist.simulator._codec.Request",
}


def living_objects() -> Counter[str]:
    """Count the library's objects by class, without the simulator's log, which grows with each
    keep-alive."""
    gc.collect()
    names = (f"{type(it).__module__}.{type(it).__qualname__}" for it in gc.get_objects())
    return Counter(name for name in names if name.startswith("aiocapdist.") and name not in LOGGED)


@pytest.mark.parametrize("anyio_backend", STEPPED_LOOPS)
async def test_further_calls_leave_no_object_and_no_memory_behind(
    anyio_backend: Any,
    record_property: Callable[[str, object], None],
) -> None:
    run = Soak(seed=1, times=5)
    living: list[Counter[str]] = []
    memory: list[int] = []
    with anyio.fail_after(300):
        async with run.running():
            await run.round(CALLS)  # makes what is made only once
            tracemalloc.start()
            try:
                for _ in range(4):
                    await run.round(CALLS)
                    living.append(living_objects())
                    memory.append(tracemalloc.get_traced_memory()[0])
            finally:
                tracemalloc.stop()
    # Caches may grow now and then; what calls leak, they leak in every round.
    growth = min(later - before for before, later in pairwise(memory))
    record_property("bytes grown", growth)
    # One round may end without a connection and the next with one: that is no leak.
    first, second, third = living[-3:]
    more = {name: third[name] for name in third if first[name] < second[name] < third[name]}
    assert more == {}
    assert growth < GROWTH
    assert run.wrong_replies == 0
    assert run.losses >= run.calls // 1000 - 1
    assert run.ends["answered"] > 0.8 * run.calls
    assert run.ends["cancelled"] > 0
    assert len(run.faults.played) > len(RATES) / 2


def test_slope_is_that_of_the_least_squares_line() -> None:
    assert slope([(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]) == (2.0, 0.0)
    rise, error = slope([(0.0, 0.0), (1.0, 1.0), (2.0, 0.0), (3.0, 1.0)])
    assert rise == pytest.approx(0.2)
    assert error == pytest.approx((0.8 / 2 / 5) ** 0.5)
