"""What waiting weighs: bytes for each call in line, and a sweep over a million codes."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress

import aiocapdist
from aiocapdist.simulator import Simulator

from .gateway import gateway

WAITING = 20_000
MILLION = 1_000_000


def bytes_per_single_call() -> float:
    """A task each, all waiting for the quota."""
    return asyncio.run(_weigh(_singles))


def bytes_per_code() -> float:
    """A sweep over a list that the caller holds anyway."""
    return asyncio.run(_weigh(_sweep))


async def _weigh(make) -> float:  # type: ignore[no-untyped-def]
    codes = [f"HK.{n:05d}" for n in range(WAITING)]
    async with (
        Simulator(quota=None) as opend,
        aiocapdist.connect(port=opend.port, quota=aiocapdist.Quota(1, 1000.0)) as client,
    ):
        await client.capital_distribution("US.AAPL")  # the only token
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        held = make(client, codes)
        for _ in range(99):  # a sweep counts what it was given a part at a time
            await asyncio.sleep(0)
        assert client.quota.waiting in (1, WAITING)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        for task in held:
            task.cancel()
        for task in held:
            with suppress(asyncio.CancelledError):
                await task
    return (after - before) / WAITING


def _singles(client: aiocapdist.Client, codes: list[str]) -> list[asyncio.Task[object]]:
    return [asyncio.ensure_future(client.capital_distribution(code)) for code in codes]


def _sweep(client: aiocapdist.Client, codes: list[str]) -> list[asyncio.Task[object]]:
    async def read() -> None:
        async for _ in client.capital_distributions(codes):
            pass

    return [asyncio.ensure_future(read())]


def million_codes() -> list[tuple[int, float]]:
    """Codes answered, and this process's size in MiB by then."""
    with gateway() as port:
        return asyncio.run(_million(port))


def resident() -> float:
    """MiB of this process in memory."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


async def _million(port: int) -> list[tuple[int, float]]:
    def codes() -> Iterator[str]:
        for n in range(MILLION):
            yield f"SH.{n:06d}"

    sizes = []
    quota = aiocapdist.Quota(1_000_000, 0.001)
    async with aiocapdist.connect(port=port, quota=quota) as client:
        answered = 0
        async for outcome in client.capital_distributions(codes()):
            outcome.unwrap()
            answered += 1
            if answered % (MILLION // 10) == 0:
                sizes.append((answered, resident()))
    return sizes
