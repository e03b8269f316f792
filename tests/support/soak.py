"""A soak: rounds of calls, with losses, faults and cancels between them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

import aiocapdist
from aiocapdist import AiocapdistError, Client, Quota
from aiocapdist._client.connect import Connecting
from aiocapdist._loop import on_asyncio
from aiocapdist.simulator import Fault, Faults, Simulator

from .leaks import Baseline, wait_no_leftovers
from .transports import NOW, SEED, amounts, expected_amounts
from .waiting import checkpoints, until

CODES = [f"HK.{n:05d}" for n in range(1, 51)]  # few, so that stored answers do not add up
FIGURES = {code: expected_amounts(code) for code in CODES}
CALLERS = 32
LOSS_EVERY = 1000  # calls
RATES = {
    **dict.fromkeys((Fault.PUSH, Fault.DUPLICATE), 0.005),
    **dict.fromkeys((Fault.DELAY, Fault.REORDER, Fault.GATEWAY_ERROR), 0.001),
    **dict.fromkeys((Fault.BAD_DIGEST, Fault.BAD_PROTOBUF, Fault.MISSING_FIELDS), 0.001),
    **dict.fromkeys((Fault.DROP, Fault.WRONG_SERIAL, Fault.WRONG_ID, Fault.REFUSE), 0.0002),
    **dict.fromkeys((Fault.TRUNCATED, Fault.CLOSE, Fault.RESET, Fault.PUSH_FLOOD), 0.0001),
    **dict.fromkeys((Fault.BAD_MAGIC, Fault.OVER_LONG, Fault.HALF_CLOSE), 0.00005),
    **dict.fromkeys((Fault.SILENT, Fault.AWAY), 0.00002),
}


class Soak:
    """Rounds of calls, and the counts of what happened in them."""

    def __init__(self, seed: int, times: int = 1) -> None:
        self.calls = 0
        self.ends: Counter[str] = Counter()
        """How calls ended: ``answered``, ``cancelled``, or the error's name."""
        self.wrong_replies = 0
        self.losses = 0
        rates = {fault: times * rate for fault, rate in RATES.items()}
        self.faults = Faults(rates, seed=seed, delay=(0.01, 0.1), flood=300, away=0.1)
        self._quota = Quota(5000, 0.05, margin=0.0)  # shared by all clients
        self._random = random.Random(seed)
        self._calls_left = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the simulator of all rounds, and a client that is used in all of them."""
        async with (
            Simulator(
                seed=SEED, now=lambda: NOW, quota=None, keep_alive_interval=1, faults=self.faults
            ) as opend,
            self._connect(opend) as self._client,
        ):
            await checkpoints(3)  # until all background tasks have begun
            self._opend = opend
            self._baseline = Baseline(opend)
            yield

    async def round(self, calls: int) -> None:
        """Make this many calls of two clients, then check that nothing is left behind."""
        self._calls_left = calls
        async with self._connect(self._opend) as other:
            streams = [client.events() for client in (self._client, other) for _ in range(2)]
            async with anyio.create_task_group() as group:
                for stream in streams:
                    group.start_soon(read_events, stream)
                async with anyio.create_task_group() as callers:
                    for number in range(CALLERS):
                        callers.start_soon(self._make_calls, self._client if number % 4 else other)
                for stream in streams:
                    await stream.aclose()
            # A cancelled request without a reply is kept for a minute, or until a reconnect.
            reconnects = self._client.status.reconnects
            self._opend.disconnect_all()
            with anyio.fail_after(60):
                await until(lambda: self._client.status.reconnects > reconnects)
            for client in (self._client, other):
                await wait_no_leftovers(client)
        self._opend.requests.clear()
        await self._baseline.wait_restored()

    def _connect(self, opend: Simulator) -> Connecting:
        return aiocapdist.connect(port=opend.port, quota=self._quota, request_timeout=0.3)

    async def _make_calls(self, client: Client) -> None:
        draw = self._random.random
        while self._calls_left > 0:
            self._calls_left -= 1
            self.calls += 1
            if self.calls // LOSS_EVERY > self.losses:
                self.losses += 1
                self._opend.disconnect_all()
            kind = draw()
            try:
                if kind < 0.02:
                    await self._cancelled_by_scope(client)
                elif kind < 0.04 and on_asyncio():
                    await self._cancelled_by_task(client)
                else:
                    await self._call(client)
            except AiocapdistError as error:
                if type(error) is AiocapdistError:
                    raise  # an error of the library itself
                self.ends[type(error).__name__] += 1

    async def _cancelled_by_scope(self, client: Client) -> None:
        with anyio.move_on_after(self._random.uniform(0.0, 0.003)) as scope:
            await self._call(client)
        self.ends["cancelled"] += scope.cancelled_caught

    async def _cancelled_by_task(self, client: Client) -> None:
        task = asyncio.ensure_future(self._call(client))
        for _ in range(self._random.randrange(6)):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        if task.cancelled():
            self.ends["cancelled"] += 1
        else:
            task.result()

    async def _call(self, client: Client) -> None:
        kind = self._random.random()
        if kind < 0.02:
            await client.global_state()
            self.ends["answered"] += 1
        elif kind < 0.04:
            codes = self._random.sample(CODES, 20)
            self._calls_left -= len(codes)
            self.calls += len(codes)
            async for outcome in client.capital_distributions(codes):
                if outcome.value is not None:
                    self._answered(outcome.code, outcome.value)
                else:
                    self.ends[type(outcome.error).__name__] += 1
                if self._random.random() < 0.01:
                    break
        else:
            code = self._random.choice(CODES)
            max_wait = None if kind < 0.9 else 0.01
            self._answered(code, await client.capital_distribution(code, max_wait=max_wait))

    def _answered(self, code: str, value: aiocapdist.CapitalDistribution) -> None:
        self.ends["answered"] += 1
        if value.code != code or amounts(value) != FIGURES[code]:
            self.wrong_replies += 1


async def read_events(stream: aiocapdist.EventStream) -> None:
    """Read the stream to its end."""
    async for _ in stream:
        pass
