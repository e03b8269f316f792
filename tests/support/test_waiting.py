"""Waiting for a condition burns no processor time, and hangs nowhere on virtual time."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import anyio
import pytest

from .virtual_asyncio import BACKENDS, run_virtually
from .waiting import POLL, READY, until

pytestmark = pytest.mark.anyio


async def test_until_returns_at_once_if_the_condition_holds() -> None:
    looks: list[int] = []
    with anyio.move_on_after(0) as scope:  # no checkpoint is reached
        await until(lambda: looks.append(1) or True)  # type: ignore[func-returns-value]
    assert len(looks) == 1
    assert not scope.cancelled_caught


async def test_until_looks_at_each_turn_of_the_loop_at_first() -> None:
    seen: list[int] = []
    turn = 0

    async def others() -> None:
        nonlocal turn
        for turn in range(1, 20):  # noqa: B007
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(others)
        await until(lambda: seen.append(turn) or turn == 19)  # type: ignore[func-returns-value]
    # trio runs the tasks of one turn in any order, so that one number may go by unseen.
    assert max(later - earlier for earlier, later in pairwise(seen)) <= 2


async def test_until_waits_for_another_thread_without_spinning() -> None:
    done: list[bool] = []
    looks: list[float] = []
    timer = threading.Timer(0.3, done.append, [True])
    timer.start()
    try:
        with anyio.fail_after(10):
            await until(lambda: looks.append(time.monotonic()) or done)  # type: ignore[func-returns-value]
    finally:
        timer.join()
    # However late the other thread was; a clock in milliseconds may be one ahead.
    assert len(looks) <= READY + 2 + 2 * (looks[-1] - looks[0]) / POLL, "once a millisecond"


@pytest.mark.parametrize("on", BACKENDS)
def test_until_lets_no_virtual_time_pass(on: str) -> None:
    async def wait() -> float:
        turns = 0

        async def others() -> None:
            nonlocal turns
            for turns in range(1, 5 * READY):  # noqa: B007
                await anyio.lowlevel.checkpoint()

        began = anyio.current_time()
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 5.0)
            group.start_soon(others)
            await until(lambda: turns == 5 * READY - 1)
            took = anyio.current_time() - began
            group.cancel_scope.cancel()
        return took

    assert run_virtually(wait, on=on) == 0.0


@pytest.mark.parametrize("on", BACKENDS)
def test_until_fails_on_virtual_time_if_only_time_could_help(on: str) -> None:
    async def wait() -> None:
        began = anyio.current_time()
        await until(lambda: anyio.current_time() > began)

    with pytest.raises(AssertionError, match="all tasks wait"):
        run_virtually(wait, on=on)
