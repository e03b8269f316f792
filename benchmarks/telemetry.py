"""What telemetry costs a call: CPU time without, with metrics, and with spans too.

``python -m benchmarks.telemetry``. Calls go over the memory transport to the simulator, and
all is measured in one process, in turns, so that its share is the same in each.
"""

from __future__ import annotations

import asyncio
import gc
import time
from statistics import median

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

import aiocapdist
from aiocapdist import Client, Quota, Simulator
from aiocapdist.telemetry import instrument

CALLS = 500
TURNS = 9


async def _turn(client: Client) -> float:
    """Return the CPU microseconds of one call."""
    began = time.process_time()
    for _ in range(CALLS):
        await client.capital_distribution("HK.00700")
    return (time.process_time() - began) / CALLS * 1e6


async def measure() -> dict[str, float]:
    """Return the median CPU microseconds of one call, by what is measured."""
    metrics, spans = MeterProvider([InMemoryMetricReader()]), TracerProvider()
    tracers = {"metrics": None, "metrics and spans": spans}
    found: dict[str, list[float]] = {kind: [] for kind in ("without", *tracers)}
    async with (
        Simulator(quota=None) as opend,
        aiocapdist.connect(opend.memory, quota=Quota(10**6, 1.0)) as client,
    ):
        gc.disable()
        for _ in range(TURNS):
            found["without"].append(await _turn(client))
            for kind, tracer in tracers.items():
                with instrument(client, metrics, tracer):
                    found[kind].append(await _turn(client))
    return {kind: median(turns) for kind, turns in found.items()}


def main() -> None:
    costs = asyncio.run(measure())
    for kind, cost in costs.items():
        print(f"{kind:20} {cost:6.1f} µs, {cost - costs['without']:+6.1f} µs")


if __name__ == "__main__":
    main()
