"""Rounds of calls, with losses, faults and cancels between them: what a soak is made of."""

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

from .doors import NOW, SEED, amounts, made
from .leftovers import Room, until_nothing_is_left
from .waiting import until
from .worlds import turns

CODES = [f"HK.{n:05d}" for n in range(1, 51)]  # few: the last answers that are kept are theirs
FIGURES = {code: made(code) for code in CODES}
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
    """Rounds of calls, and what was seen in them."""

    def __init__(self, seed: int, times: int = 1) -> None:
        self.calls = 0
        self.ends: Counter[str] = Counter()
        self.crossed = 0
        self.losses = 0
        rates = {fault: times * rate for fault, rate in RATES.items()}
        self.faults = Faults(rates, seed=seed, delay=(0.01, 0.1), flood=300, away=0.1)
        self._quota = Quota(5000, 0.05, margin=0.0)  # of all clients
        self._random = random.Random(seed)
        self._left = 0

    @asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        """The simulator of all rounds, and a client that lasts as long."""
        async with (
            Simulator(
                seed=SEED, now=lambda: NOW, quota=None, keep_alive_interval=1, faults=self.faults
            ) as opend,
            self._connect(opend) as self._lasting,
        ):
            await turns(3)  # by then all that goes on does
            self._opend = opend
            self._room = Room(opend)
            yield

    async def round(self, calls: int) -> None:
        """So many calls of two clients, then silence; nothing is left of them."""
        self._left = calls
        async with self._connect(self._opend) as passing:
            streams = [client.events() for client in (self._lasting, passing) for _ in range(2)]
            async with anyio.create_task_group() as group:
                for stream in streams:
                    group.start_soon(listen, stream)
                async with anyio.create_task_group() as callers:
                    for number in range(CALLERS):
                        callers.start_soon(self._call_on, self._lasting if number % 4 else passing)
                for stream in streams:
                    await stream.aclose()
            # What was cancelled, and never answered, is kept a minute, or until this:
            reconnects = self._lasting.status.reconnects
            self._opend.disconnect_all()
            await until(lambda: self._lasting.status.reconnects > reconnects)
            for client in (self._lasting, passing):
                await until_nothing_is_left(client)
        self._opend.requests.clear()
        await self._room.until_as_before()

    def _connect(self, opend: Simulator) -> Connecting:
        return aiocapdist.connect(port=opend.port, quota=self._quota, request_timeout=0.3)

    async def _call_on(self, client: Client) -> None:
        draw = self._random.random
        while self._left > 0:
            self._left -= 1
            self.calls += 1
            if self.calls // LOSS_EVERY > self.losses:
                self.losses += 1
                self._opend.disconnect_all()
            kind = draw()
            try:
                if kind < 0.02:
                    await self._cancelled_by_its_scope(client)
                elif kind < 0.04 and on_asyncio():
                    await self._cancelled_by_its_task(client)
                else:
                    await self._call(client)
            except AiocapdistError as error:
                self.ends[type(error).__name__] += 1

    async def _cancelled_by_its_scope(self, client: Client) -> None:
        with anyio.move_on_after(self._random.uniform(0.0, 0.003)) as scope:
            await self._call(client)
        self.ends["cancelled"] += scope.cancelled_caught

    async def _cancelled_by_its_task(self, client: Client) -> None:
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
            self._left -= len(codes)
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
            self.crossed += 1


async def listen(stream: aiocapdist.EventStream) -> None:
    async for _ in stream:
        pass
