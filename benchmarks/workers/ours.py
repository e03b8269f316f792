"""aiocapdist: a sweep, single calls gathered or one at a time, its memory, its longest turn."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any

import aiocapdist

from ..turns import TurnTimer, timed_loop
from . import Watch, codes, obey, trips

AnyClient = aiocapdist.Client | aiocapdist.ClientGroup


async def connect(address: str, options: dict[str, str]) -> AnyClient:
    """Connect once, or as often as ``gateways`` says, with quotas that are wide open."""
    more: dict[str, Any] = {"rsa_key": options["rsa_key"]} if "rsa_key" in options else {}
    ways = [
        aiocapdist.connect(address, quota=aiocapdist.Quota(1_000_000, 0.001), **more)
        for _ in range(int(options.get("gateways", "1")))
    ]
    if len(ways) == 1:
        return await ways[0]
    group = await aiocapdist.connect_many(ways)
    events = group.events()
    while any(status.state != "ready" for status in group.status.values()):
        await anext(events)
    return group


async def sweep(client: AnyClient, count: int) -> dict[str, float]:
    answered = 0
    with Watch(count) as watch:
        async for outcome in client.capital_distributions(codes(count)):
            answered += outcome.value is not None
    assert answered == count
    return watch.result()


async def gather(client: AnyClient, count: int) -> dict[str, float]:
    with Watch(count) as watch:
        await asyncio.gather(*[client.capital_distribution(c) for c in codes(count)])
    return watch.result()


async def one_by_one(client: AnyClient, count: int) -> dict[str, float]:
    seconds = []
    for code in codes(count):
        began = time.perf_counter()
        await client.capital_distribution(code)
        seconds.append(time.perf_counter() - began)
    return trips(seconds)


async def own_clients(address: str, options: dict[str, str], count: int) -> dict[str, float]:
    """A client for each call: what it costs not to share one."""
    with Watch(count) as watch:
        for code in codes(count):
            client = await connect(address, options)
            await client.capital_distribution(code)
            await client.aclose()
    return watch.result()


async def longest_turn(
    client: AnyClient, count: int, timer: TurnTimer, kind: Callable[[list[str]], Iterable[str]]
) -> dict[str, float]:
    """The longest turn of the loop in a sweep, garbage collections included."""
    wanted = [f"SH.{n:06d}" for n in range(count)]
    given = kind(wanted)  # held until the end: freeing it takes a turn too, but the caller's
    await asyncio.sleep(0)
    timer.longest = 0.0
    async for outcome in client.capital_distributions(given):
        assert outcome.value is not None
    return {"ms": timer.longest * 1e3}


async def collect(client: AnyClient, count: int) -> dict[str, float]:
    """Bytes that each code weighs in the result of a whole sweep."""
    wanted = codes(count)
    await client.capital_distributions(wanted).collect()  # fills the cache of answers
    gc.collect()
    tracemalloc.start()
    result = await client.capital_distributions(wanted).collect()
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(result) == count
    return {"bytes": used / count}


def main(address: str, *words: str) -> None:
    options = dict(word.partition("=")[::2] for word in words)
    timer, loop = timed_loop()
    if "uvloop" in options:
        import uvloop

        loop = uvloop.new_event_loop()
    if "freeze" in options:
        gc.collect()
        gc.freeze()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        client = runner.run(connect(address, options))
        obey(
            {
                "sweep": lambda count: runner.run(sweep(client, count)),
                "gather": lambda count: runner.run(gather(client, count)),
                "trips": lambda count: runner.run(one_by_one(client, count)),
                "own_clients": lambda count: runner.run(own_clients(address, options, count)),
                "longest_turn": lambda count: runner.run(longest_turn(client, count, timer, list)),
                "of_iterator": lambda count: runner.run(longest_turn(client, count, timer, iter)),
                "collect": lambda count: runner.run(collect(client, count)),
            }
        )
        runner.run(client.aclose())


if __name__ == "__main__":
    main(*sys.argv[1:])
