"""Promise 19: nothing leaks. ``python -m tools.soak --minutes 60`` prints the figures as JSON.

One process with a simulator and clients over real sockets: rounds of calls, sweeps and event
streams, with a loss every 1000 calls, every fault of the simulator and cancelled callers. One
client is used in all rounds, another is new in each. After a round there must be no more tasks
and file descriptors than before the first one, no entry in the clients' tables and no token held.
Then the memory (VmRSS) is measured; its slope is found by least squares.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import time
from typing import Any

import anyio

from aiocapdist._protocol import backoff
from tests.support.leaks import resident_memory
from tests.support.soak import Soak

SHORT = 1024.0  # KiB in 100 000 calls: the smallest slope that a run of minutes can show
LONG = 1.0  # KiB in an hour: the smallest slope that a run of hours can show


def slope(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the slope of the least-squares line, and its standard error."""
    n = len(points)
    mean_x, mean_y = (sum(values) / n for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    rise = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - rise * (x - mean_x)) ** 2 for x, y in points)
    return rise, (rest / max(1, n - 2) / spread) ** 0.5


async def soak(minutes: float, calls: int, seed: int) -> dict[str, Any]:
    """Run rounds for this many minutes; return the figures."""
    # No gateway is lost five times a second: without this, the soak would only wait.
    backoff.FIRST, backoff.BASE, backoff.LONGEST = 0.01, 0.01, 0.05
    run = Soak(seed)
    samples: list[dict[str, float]] = []
    async with run.running():
        start = time.monotonic()
        while time.monotonic() - start < minutes * 60 or len(samples) < 8:
            await run.round(calls)
            gc.collect()
            hours = (time.monotonic() - start) / 3600
            samples.append({"hours": hours, "calls": run.calls, "rss": resident_memory()})
            print(json.dumps(samples[-1]), file=sys.stderr, flush=True)
    warm = samples[len(samples) // 3 :]
    by_hour = slope([(s["hours"], s["rss"]) for s in warm])
    by_calls = slope([(s["calls"] / 100_000, s["rss"]) for s in warm])
    hours = samples[-1]["hours"]
    return {
        "minutes": round(hours * 60, 1),
        "calls": run.calls,
        "ends": dict(run.ends),
        "crossed": run.wrong_replies,
        "losses": run.losses,
        "faults": {fault.name: count for fault, count in run.faults.played.items()},
        "tasks, fds, entries, tokens left": 0,  # otherwise a round has raised
        "rss KiB after warm-up": [warm[0]["rss"], warm[-1]["rss"]],
        "rss KiB per hour": [round(figure, 1) for figure in by_hour],
        "rss KiB per 100k calls": [round(figure, 2) for figure in by_calls],
        "ok": not run.wrong_replies
        and (by_hour[0] - 2 * by_hour[1] < LONG if hours >= 2 else by_calls[0] < SHORT),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.soak")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--calls", type=int, default=20_000, help="in a round")
    parser.add_argument("--seed", type=int, default=random.randrange(2**16))
    parser.add_argument("--loop", choices=["asyncio", "uvloop", "trio"], default="asyncio")
    options = parser.parse_args()
    trio = options.loop == "trio"
    figures = anyio.run(
        soak,
        options.minutes,
        options.calls,
        options.seed,
        backend="trio" if trio else "asyncio",
        backend_options={} if trio else {"use_uvloop": options.loop == "uvloop"},
    )
    print(json.dumps({"seed": options.seed, "loop": options.loop, **figures}, indent=1))
    return 0 if figures["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
