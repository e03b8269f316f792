"""What a token from a FileQuota costs one process that nobody disturbs."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from aiocapdist.quota import FileQuota
from aiocapdist.quota._core.quota import scheduler_of

from .sharing import Asker
from .turns import TurnTimer, timed_loop

TOKENS = 2_000


def measure(rounds: int) -> list[dict[str, float]]:
    """Microseconds of processor time for a token, and milliseconds of the longest turn."""
    return [_round() for _ in range(rounds)]


def _round() -> dict[str, float]:
    timer, loop = timed_loop()
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=lambda: loop) as runner,
    ):
        return runner.run(_take_many(Path(folder) / "ledger", timer))


async def _take_many(path: Path, timer: TurnTimer) -> dict[str, float]:
    """Take a token and let it expire, again and again, as after calls one by one."""
    quota = scheduler_of(FileQuota(path, 30, 0.001, margin=0.0))
    await quota.prepare()
    quota.attach(time.monotonic, print)
    keeper = asyncio.create_task(quota.run())
    asker = Asker(quota)
    await asyncio.sleep(0.1)
    timer.longest, began = 0.0, time.process_time()
    for _ in range(TOKENS):
        await asker.take()
        await asyncio.sleep(0)
        quota.replied(time.monotonic())
        quota.pump()  # as a client does after whatever it tells its quota
    spent = time.process_time() - began
    await asyncio.sleep(0)
    keeper.cancel()
    await asyncio.wait([keeper])
    quota.detach(print)
    return {"token": spent / TOKENS * 1e6, "hold": timer.longest * 1e3}
