"""What a watch costs: processor time for each turn of a code, and memory for 2,000 codes.

``python -m benchmarks.watching``
"""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc

import aiocapdist

from .gateway import gateway

CODES = 2000
PACE = 2.0  # seconds: 1,000 turns a second, so that a few seconds are enough to measure
SECONDS = 10.0
TURNS_AN_HOUR = 60  # at the default pace of 60 s


async def processor_time(port: int) -> tuple[float, float]:
    """Seconds of processor time for each turn; and for each second of a client that idles."""
    codes = [f"HK.{n:05d}" for n in range(CODES)]
    async with aiocapdist.connect(port=port, quota=aiocapdist.Quota(100_000, 1.0)) as client:
        idle_before = time.process_time()
        await asyncio.sleep(SECONDS / 2)
        idle = (time.process_time() - idle_before) / (SECONDS / 2)
        watch = client.watch(codes, every=PACE, while_closed=True)

        async def read() -> None:
            async for _ in watch:
                pass

        task = asyncio.ensure_future(read())
        await asyncio.sleep(PACE)
        asked, before = client.status.calls, time.process_time()
        await asyncio.sleep(SECONDS)
        spent = time.process_time() - before
        turns = client.status.calls - asked
        task.cancel()
        await asyncio.wait([task])
    return (spent - idle * SECONDS) / turns, idle


async def memory(port: int) -> tuple[float, float, float]:
    """Bytes for each code: of a watch after one round, after three, and of an answer alone."""
    codes = [f"HK.{n:05d}" for n in range(CODES)]
    async with aiocapdist.connect(port=port, quota=aiocapdist.Quota(100_000, 1.0)) as client:
        await client.capital_distributions(codes).collect()  # the cache of answers is full
        gc.collect()
        tracemalloc.start()
        values = (await client.capital_distributions(codes).collect()).values
        gc.collect()
        alone = tracemalloc.get_traced_memory()[0]
        del values
        tracemalloc.stop()
    async with aiocapdist.connect(port=port, quota=aiocapdist.Quota(100_000, 1.0)) as client:
        await client.capital_distribution("US.AAPL")
        gc.collect()
        tracemalloc.start()
        reader = aiter(client.watch(codes, every=PACE, while_closed=True))
        for _ in codes:
            await anext(reader)
        weights = []
        for rounds in (0, 2):
            await asyncio.sleep(rounds * PACE)
            gc.collect()
            weights.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        await reader.aclose()
    return weights[0] / CODES, weights[1] / CODES, alone / CODES


def main() -> None:
    with gateway() as port:
        turn, idle = asyncio.run(processor_time(port))
        print(f"processor time: {turn * 1e6:.0f} µs for each turn of a code,")
        print(f"  {turn * TURNS_AN_HOUR * 1e3:.2f} ms for each code and hour at a turn a minute,")
        print(f"  besides {idle * 3600 * 1e3:.0f} ms an hour of a client that idles")
        first, third, alone = asyncio.run(memory(port))
    print(f"memory: {first:.0f} bytes for each code after a round, {third:.0f} after three;")
    print(f"  of these {alone:.0f} are the answer itself")


if __name__ == "__main__":
    main()
