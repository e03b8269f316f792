"""Row 7 of the promises: programs of one machine share a quota, are killed at any moment, and
start again. No closed window holds more than the limit, nobody is refused, and what is lost of
time is what the tokens of the dead lay idle.

Real processes and ``kill -9`` for what is counted; for how close to the ideal time it is, which
a busy machine would spoil, programs in one loop on virtual time. At scale 1: 100 kills of
each; the soak's, at 10, are 1000.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import anyio
import pytest

if sys.platform == "win32":
    pytest.skip("there is no FileQuota on Windows", allow_module_level=True)

import aiocapdist
from aiocapdist.quota import FileQuota
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.quota._core.store import GRACE
from aiocapdist.quota._file.store import LOOK_EVERY
from aiocapdist.simulator import Simulator

from ..quota.file.machine import store_of
from ..quota.siblings import siblings
from ..support.virtual_asyncio import BACKENDS, run_virtually
from .machine import Machine
from .scale import SCALE, figure, scaled

LIMIT, MARGIN = 30, 0.02
KILLS = scaled(100)
LOOPS = BACKENDS if SCALE > 1 else BACKENDS[:1]  # what differs there is in test_in_time.py
FIRST_SEED = int(os.environ.get("AIOCAPDIST_SEED", "0"))


# ---- real processes


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_eight_programs_killed_at_random_never_send_one_too_many(tmp_path: Path) -> None:
    """The programs have loops of their own; each has a wall clock that is wrong."""
    period = 1.0
    quota = f"FileQuota({str(tmp_path / 'ledger')!r}, {LIMIT}, {period}, margin={MARGIN})"
    with anyio.fail_after(60 + 3 * KILLS):
        async with siblings(quota, period, seed=FIRST_SEED) as family:
            began = anyio.current_time()
            for _ in range(KILLS):
                await anyio.sleep(family.random.uniform(0.0, 0.3))
                await family.kill()
            took = anyio.current_time() - began
            answered = family.answered(began)
            largest = family.largest_window()
    used = answered / (LIMIT * took / (period + MARGIN))
    figure(7, kills=family.killed, counted=answered, largest_window=largest, used=f"{used:.1%}")
    assert family.killed == KILLS
    assert LIMIT // 2 < largest <= LIMIT
    assert set(os.listdir(tmp_path)) == {"ledger", ".ledger.made"}


# ---- on virtual time


async def killed_at_random(path: Path, machine: Machine, seed: int) -> tuple[int, float, int, int]:
    """How many were counted, in how many seconds, the largest window, and how many tokens had
    been held by those who died."""
    drawn = random.Random(seed)
    held = refused = 0
    running: dict[int, tuple[FileQuota, anyio.CancelScope]] = {}

    async def program(place: int) -> None:
        nonlocal refused
        quota = FileQuota(path, LIMIT)
        with anyio.CancelScope() as scope:
            running[place] = quota, scope
            async with aiocapdist.connect(opend.memory, quota=quota) as client:
                while True:
                    first = drawn.randrange(90_000)
                    codes = [f"HK.{n:05d}" for n in range(first, first + drawn.randint(1, 60))]
                    await client.capital_distributions(codes).collect()
        refused += quota.rejections

    async def whoever_holds_tokens() -> int:
        while True:
            await anyio.sleep(drawn.uniform(0.0, 0.05))
            for place, (quota, _) in running.items():
                if store_of(scheduler_of(quota)).mine:
                    return place

    async with (
        Simulator(
            quota=(10**6, 30.0), latency=(0.0, 0.1), seed=seed, keep_alive_interval=300
        ) as opend,
        anyio.create_task_group() as group,
    ):
        for place in range(8):
            group.start_soon(program, place)
        for _ in range(KILLS):
            await anyio.sleep(drawn.expovariate(1 / 10.0))
            place = drawn.randrange(8)
            if drawn.random() < 0.5:
                place = await whoever_holds_tokens()
            quota, scope = running[place]
            held += machine.kill(quota)
            scope.cancel()
            group.start_soon(program, place)
        group.cancel_scope.cancel()
    times = [request.time for request in opend.requests if request.proto_id == 3212]
    asked = (len(times) - 1) // LIMIT * LIMIT + 1  # to the moment at which a period was over
    assert refused == 0
    return asked, times[asked - 1], opend.largest_window, held


@pytest.mark.parametrize("on", LOOPS)
def test_what_is_lost_of_time_is_what_the_tokens_of_the_dead_lay_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on: str
) -> None:
    machine = Machine(monkeypatch)
    asked, seconds, largest, held = run_virtually(
        killed_at_random, tmp_path / "ledger", machine, FIRST_SEED, on=on
    )
    # Until someone looks, and then until OpenD can count it no more: then it expires.
    idle = held * (LOOK_EVERY + GRACE)
    floor = 30.0 * ((asked - 1) // LIMIT) + idle / LIMIT
    over = seconds / floor - 1
    figure(7, loop=on, kills=KILLS, held_by_the_dead=held, over_the_floor=f"{over:.2%}")
    assert largest == LIMIT
    assert over <= 0.03
