"""A day of a watch, with faults, slow readers, and codes that come and go."""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple

import anyio

import aiocapdist
from aiocapdist import AiocapdistError, Change, Client, Quota, Watch
from aiocapdist.simulator import Fault, Faults, Simulator
from aiocapdist.simulator._market_data import market_state

from ..support.internals import rounds_of_active_codes, unread_changes
from ..support.market_hours import RunningClock, running_from

EVERY = 300.0
STABLE = [*(f"HK.{n:05d}" for n in range(1, 6)), "SH.600519", "US.AAPL", "US.MSFT", "AU.BHP"]
COMING_AND_GOING = [f"US.A{n}" for n in range(6)] + [f"SZ.00000{n}" for n in range(1, 6)]
TRADING = (3, 5)  # morning and afternoon
RATES = {
    Fault.DROP: 0.004,
    Fault.DELAY: 0.01,
    Fault.CLOSE: 0.002,
    Fault.RESET: 0.001,
    Fault.AWAY: 0.001,
    Fault.SILENT: 0.0005,
    Fault.BAD_DIGEST: 0.002,
    Fault.TRUNCATED: 0.001,
    Fault.DUPLICATE: 0.004,
    Fault.GATEWAY_ERROR: 0.004,
    Fault.MISSING_FIELDS: 0.002,
    Fault.REFUSE: 0.002,
}


class Figures(NamedTuple):
    """What a day came to."""

    largest_window: int
    requests: int
    changes: int
    skipped: int
    errors: int
    faults: int
    stalest: float
    """Seconds: the largest age of figures that nothing was said about."""
    furthest_apart: int
    """The largest difference in rounds between two codes."""
    unaccounted: int
    """Changes of which a slow reader heard nothing."""


class WatchedDay:
    """Run a watch for some hours, from midnight in Hong Kong on."""

    def __init__(self, seed: int, hours: float) -> None:
        self.drawn = random.Random(seed)
        self.seconds = hours * 3600.0
        faults = Faults(RATES, seed=seed, delay=(0.5, 40.0), away=5.0)
        self.now: RunningClock = running_from("2023-11-15 00:00")
        self.opend = Simulator(
            quota=(10**6, 30.0),
            latency=(0.01, 1.0),
            seed=seed,
            now=self.now,
            faults=faults,
            keep_alive_interval=120,
        )
        self.played = faults.played
        self.told: dict[str, Counter[str]] = {"fast": Counter(), "slow": Counter()}
        self.latest: dict[str, Change] = {}
        self.changes = self.skipped = self.errors = 0
        self.stalest = 0.0
        self.furthest_apart = 0
        self.settled_since = 0.0

    async def run(self) -> Figures:
        async with (
            self.opend as opend,
            aiocapdist.connect(
                opend.memory, quota=Quota(30, 30.0), reconnect_timeout=60.0
            ) as client,
            anyio.create_task_group() as group,
        ):
            watch = client.watch(STABLE, every=EVERY)
            self.slow_reader = aiter(watch)
            group.start_soon(self.read_fast, watch)
            group.start_soon(self.read_slowly)
            group.start_soon(self.read_now_and_then, watch)
            group.start_soon(self.add_and_discard, watch)
            group.start_soon(self.ask_in_bursts, client)
            group.start_soon(self.go_away_now_and_then)
            group.start_soon(self.look, client, watch)
            await anyio.sleep(self.seconds)
            group.cancel_scope.cancel()
            unread = unread_changes(self.slow_reader)
        apart = [
            self.told["fast"][code] - self.told["slow"][code] - unread[code] for code in STABLE
        ]
        return Figures(
            self.opend.largest_window,
            sum(request.proto_id == 3212 for request in self.opend.requests),
            self.changes,
            self.skipped,
            self.errors,
            sum(self.played.values()),
            self.stalest,
            self.furthest_apart,
            sum(map(abs, apart)),
        )

    # ---- readers

    async def read_fast(self, watch: Watch) -> None:
        async for change in watch:
            self.told["fast"][change.code] += 1 + change.skipped
            self.latest[change.code] = change
            self.changes += 1
            self.errors += change.error is not None

    async def read_slowly(self) -> None:
        async for change in self.slow_reader:
            self.told["slow"][change.code] += 1 + change.skipped
            self.skipped += change.skipped
            await anyio.sleep(self.drawn.choice([0.0, 1.0, 100.0, 3000.0]))

    async def read_now_and_then(self, watch: Watch) -> None:
        """Iterations that are left, and reads that are cancelled."""
        while True:
            await anyio.sleep(self.drawn.expovariate(1 / 3000))
            async for _ in watch:
                if self.drawn.random() < 0.1:
                    break
            reader = aiter(watch)
            for _ in range(3):
                with anyio.move_on_after(self.drawn.choice([0.0, 0.5, 100.0])):
                    await anext(reader)
            await reader.aclose()

    # ---- what else happens

    async def add_and_discard(self, watch: Watch) -> None:
        while True:
            await anyio.sleep(self.drawn.expovariate(1 / 1800))
            chosen = self.drawn.sample(COMING_AND_GOING, 4)
            watch.add(chosen[:2])
            watch.discard(chosen[2:])

    async def ask_in_bursts(self, client: Client) -> None:
        """Single calls, sometimes as many as the whole quota."""

        async def ask(code: str) -> None:
            try:
                await client.capital_distribution(code, timeout=90.0)
            except AiocapdistError:
                pass

        async with anyio.create_task_group() as group:
            while True:
                for n in range(self.drawn.choice([1, 5, 40])):
                    group.start_soon(ask, f"JP.{n:04d}")
                await anyio.sleep(self.drawn.expovariate(1 / 1800))

    async def go_away_now_and_then(self) -> None:
        while True:
            await anyio.sleep(self.drawn.expovariate(1 / 14_400))
            await self.opend.go_away()
            await anyio.sleep(self.drawn.choice([1.0, 30.0, 90.0, 2000.0]))
            await self.opend.come_back()

    # ---- what must hold

    async def look(self, client: Client, watch: Watch) -> None:
        """From time to time: how old figures are, and how far codes are apart."""
        opened: dict[str, float] = {}
        while True:
            await anyio.sleep(60.0)
            rounds = rounds_of_active_codes(watch)
            if rounds:
                self.furthest_apart = max(self.furthest_apart, max(rounds) - min(rounds))
            now = self.now()
            uptime = client.status.uptime or 0.0
            for code in STABLE:
                market = code.partition(".")[0]
                if market == "AU" or market_state(market, now) not in TRADING:
                    opened.pop(code, None)
                    continue
                since = now - opened.setdefault(code, now)
                change = self.latest.get(code)
                # After a round and a half of trading and connection, with no error told.
                if min(since, uptime) < 1.5 * EVERY or change is None or change.value is None:
                    continue
                seen = self.latest_seen(code, change)
                self.stalest = max(self.stalest, now - seen)

    def latest_seen(self, code: str, change: Change) -> float:
        assert change.value is not None
        assert change.value.updated_at is not None, code
        return change.value.updated_at.timestamp()
