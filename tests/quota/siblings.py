"""Programs that share a quota, and die: each a process of its own, killed by kill -9 at random.

All ask one simulator, which here lets everything pass and only counts. A program that is
killed is replaced at once. To start one costs a fork of a process that has imported everything.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import Process

import aiocapdist
from aiocapdist import Client, Quota, QuotaUnavailable
from aiocapdist.quota import FileQuota, RedisQuota
from aiocapdist.simulator import Simulator

from ..support.forking import fork_for_each_line

ROOT = Path(__file__).parents[2]
QUOTAS = {"Quota": Quota, "FileQuota": FileQuota, "RedisQuota": RedisQuota}
UNLIMITED = 100_000
SKEW = 1.0  # seconds that each program's wall clock is wrong by at most


@dataclass
class Siblings:
    """Programs that spend from one account.

    ``quota`` is how each makes its quota, in Python: ``RedisQuota('redis://…', 'key', 30)``.
    """

    opend: Simulator
    process: Process
    random: random.Random
    alive: list[int] = field(default_factory=list)
    killed: int = 0

    async def start(self) -> None:
        """One more."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        await self.process.stdin.send(b"%d\n" % self.random.getrandbits(32))
        line = b""
        while not line.endswith(b"\n"):
            line += await self.process.stdout.receive()
        self.alive.append(int(line))

    async def kill(self) -> None:
        """Any one of them, in whatever it is doing; another takes its place."""
        pid = self.alive.pop(self.random.randrange(len(self.alive)))
        os.kill(pid, signal.SIGKILL)
        self.killed += 1
        await self.start()

    def leave(self, count: int) -> None:
        """Kill all but so many, at once."""
        for pid in self.alive[count:]:
            os.kill(pid, signal.SIGKILL)
        del self.alive[count:]

    def answered(self, since: float = 0.0) -> int:
        """Requests that were counted since then, by the loop's clock."""
        return sum(r.code is not None and r.time >= since for r in self.opend.requests)

    async def until_answered(self, count: int, since: float = 0.0) -> None:
        """Wait, and leave the processor to the programs."""
        while self.answered(since) < count:  # noqa: ASYNC110
            await anyio.sleep(0.05)

    def largest_window(self) -> int:
        """Most requests in any closed period."""
        return self.opend.largest_window


@asynccontextmanager
async def siblings(
    quota: str, period: float, *, count: int = 8, seed: int = 0, latency: float = 0.05
) -> AsyncIterator[Siblings]:
    """``count`` of them at work. At the end all are killed."""
    async with Simulator(quota=(UNLIMITED, period), latency=(0.0, latency), seed=seed) as opend:
        command = [sys.executable, "-m", "tests.quota.siblings", str(opend.port), quota]
        process = await anyio.open_process(command, cwd=ROOT, stderr=None, start_new_session=True)
        async with process:
            family = Siblings(opend, process, random.Random(seed))
            try:
                for _ in range(count):
                    await family.start()
                yield family
            finally:
                os.killpg(process.pid, signal.SIGKILL)


# ---- what runs in the other processes


def parent(port: int, quota: str) -> None:
    """Start one more for each line that comes, which is its seed."""
    fork_for_each_line(lambda line: asyncio.run(work(port, quota, int(line))))


async def work(port: int, quota: str, seed: int) -> None:
    """Ask for ever, and begin anew where the quota cannot be had."""
    draw = random.Random(seed)
    logging.getLogger("aiocapdist").setLevel(logging.CRITICAL)
    skew, wall = draw.uniform(-SKEW, SKEW), time.time
    time.time = lambda: wall() + skew
    while True:
        try:
            async with aiocapdist.connect(port=port, quota=eval(quota, QUOTAS)) as client:
                await ask(client, draw)
        except QuotaUnavailable:
            await anyio.sleep(draw.uniform(0.0, 0.1))


async def ask(client: Client, draw: random.Random) -> None:
    """Sweeps and single calls; some are given up."""
    while True:
        codes = [f"HK.{draw.randrange(90_000):05d}" for _ in range(draw.randint(1, 40))]
        patience = draw.choice([draw.uniform(0.0, 0.5), 60.0])
        with anyio.move_on_after(patience):
            if draw.random() < 0.2:
                await client.capital_distribution(codes[0])
            else:
                await client.capital_distributions(codes).collect()


if __name__ == "__main__":
    parent(int(sys.argv[1]), sys.argv[2])
