"""aiocapdist: a sweep, single calls gathered, one call at a time."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import aiocapdist

from . import Watch, codes, obey, trips


def main(address: str, *options: str) -> None:
    factory = None
    if "uvloop" in options:
        import uvloop

        factory = uvloop.new_event_loop
    more: dict[str, Any] = {}
    for option in options:
        if option.startswith("rsa_key="):
            more["rsa_key"] = option.partition("=")[2]
    with asyncio.Runner(loop_factory=factory) as runner:
        wide_open = aiocapdist.Quota(1_000_000, 0.001)

        async def connect() -> aiocapdist.Client:
            return await aiocapdist.connect(address, quota=wide_open, **more)

        client = runner.run(connect())

        async def sweep(count: int) -> dict[str, float]:
            answered = 0
            with Watch(count) as watch:
                async for outcome in client.capital_distributions(codes(count)):
                    answered += outcome.value is not None
            assert answered == count
            return watch.result()

        async def gather(count: int) -> dict[str, float]:
            with Watch(count) as watch:
                await asyncio.gather(*[client.capital_distribution(c) for c in codes(count)])
            return watch.result()

        async def one_by_one(count: int) -> dict[str, float]:
            seconds = []
            for code in codes(count):
                began = time.perf_counter()
                await client.capital_distribution(code)
                seconds.append(time.perf_counter() - began)
            return trips(seconds)

        obey(
            {
                "sweep": lambda count: runner.run(sweep(count)),
                "gather": lambda count: runner.run(gather(count)),
                "trips": lambda count: runner.run(one_by_one(count)),
            }
        )
        runner.run(client.aclose())


if __name__ == "__main__":
    main(*sys.argv[1:])
