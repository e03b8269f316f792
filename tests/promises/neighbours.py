"""Others who spend from the same account, and what becomes of ours beside them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

import aiocapdist
from aiocapdist import Client, Quota
from aiocapdist.events import Throttled
from aiocapdist.simulator import Simulator

from ..simulator.raw import RawClient, distribution_request, frame, raw_client

PERIOD = 30.0
QUESTION = distribution_request(1, "00005").SerializeToString()


@dataclass
class Fared:
    """How one of ours fared, in windows of 30 s."""

    windows: float
    answered: int
    failed: int
    refused: int
    told: int
    longest_gap: float

    @property
    def answered_each(self) -> float:
        return self.answered / self.windows

    @property
    def refused_each(self) -> float:
        return self.refused / self.windows


class Ours:
    """A client that asks without a pause, and how it fares from ``warm`` seconds on."""

    def __init__(self, first_code: int) -> None:
        self.first_code = first_code
        self.quota = Quota()
        self.answered = self.failed = self.told = 0
        self.longest_gap = 0.0
        self.latest = 0.0
        self.refused_before = 0

    async def ask(self, opend: Simulator) -> None:
        async with (
            aiocapdist.connect(opend.memory, quota=self.quota) as client,
            anyio.create_task_group() as group,
        ):
            group.start_soon(self.listen, client)
            self.latest = anyio.current_time()
            codes = (f"HK.{self.first_code + n % 20_000:05d}" for n in range(10**9))
            async for outcome in client.capital_distributions(codes):
                now = anyio.current_time()
                self.longest_gap = max(self.longest_gap, now - self.latest)
                self.latest = now
                self.answered += outcome.error is None
                self.failed += outcome.error is not None

    async def listen(self, client: Client) -> None:
        async for event in client.events():
            self.told += isinstance(event, Throttled) and event.rejected

    def fared(self, seconds: float) -> Fared:
        return Fared(
            seconds / PERIOD,
            self.answered,
            self.failed,
            self.quota.rejections,
            self.told,
            self.longest_gap,
        )


@asynccontextmanager
async def foreigner(opend: Simulator) -> AsyncIterator[RawClient]:
    async with raw_client(opend) as client, anyio.create_task_group() as group:

        async def read() -> None:
            while True:
                await client.receive()

        group.start_soon(read)
        yield client
        group.cancel_scope.cancel()


async def spend(opend: Simulator, each: int, manner: str, seed: int) -> None:
    """Another program: so many requests in each period, never mind what becomes of them."""
    drawn = random.Random(seed)
    serial = 2
    async with foreigner(opend) as client:
        while True:
            began = anyio.current_time()
            moments = {
                "evenly": [PERIOD * n / each for n in range(each)],
                "in bursts": [0.0] * each,
                "at random": sorted(drawn.uniform(0, PERIOD) for _ in range(each)),
            }[manner]
            for moment in moments:
                await anyio.sleep_until(began + moment)
                serial += 1
                await client.send(frame(3212, serial, QUESTION))
            await anyio.sleep_until(began + PERIOD)
