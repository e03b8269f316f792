"""Promise 1: a reply reaches its own caller or nobody.

The answer is a function of the request, so that each caller can check it. Seeded schedules of
cancels, delays, reordering, duplicates, wrong serials and ids, damage and loss, on virtual time
and with a wide quota. At scale 1 about 22 000 requests in 14 schedules; scale 10 makes the
200 000 of the promise.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import AiocapdistError, Client, Quota
from aiocapdist._pb.keep_alive_pb2 import Response
from aiocapdist.simulator import Fault, Faults, Simulator

from ..support.custom_call import PROTO_ID, double, request_message
from ..support.internals import faults_of
from ..support.transports import NOW, SEED, amounts, expected_amounts
from ..support.virtual_asyncio import run_virtually
from .scale import SCALE, figure, scaled

FIRST_SEED = int(os.environ.get("AIOCAPDIST_SEED", "0"))
SCHEDULES = 2 * scaled(7)
CALLERS, CALLS = 50, 20  # in each schedule
CODES = [f"{market}.{n:05d}" for market in ("HK", "SH") for n in range(1, 400)]

# The highest rate of each: a fault that ends a connection hits fifty requests.
SPOILS_A_REPLY = {
    Fault.DROP: 0.02,
    Fault.DELAY: 0.1,
    Fault.DUPLICATE: 0.1,
    Fault.REORDER: 0.2,
    Fault.WRONG_SERIAL: 0.05,
    Fault.WRONG_ID: 0.05,
    Fault.PUSH: 0.1,
    Fault.BAD_DIGEST: 0.05,
    Fault.BAD_PROTOBUF: 0.02,
    Fault.MISSING_FIELDS: 0.02,
    Fault.GATEWAY_ERROR: 0.05,
    Fault.REFUSE: 0.002,
}
ENDS_A_CONNECTION = {
    Fault.CLOSE: 0.01,
    Fault.RESET: 0.01,
    Fault.TRUNCATED: 0.01,
    Fault.HALF_CLOSE: 0.003,
    Fault.SILENT: 0.002,
    Fault.AWAY: 0.005,
    Fault.BAD_MAGIC: 0.005,
    Fault.OVER_LONG: 0.005,
}


LATENCIES: list[float | tuple[float, float]] = [0.0, 0.0, (0.0, 0.05), (0.0, 3.0)]


class Crossed(AssertionError):
    """Raised when a caller got another request's answer."""


def check(asked: str, got: Any) -> None:
    if got.code != asked or amounts(got) != expected_amounts(asked):
        raise Crossed(f"asked about {asked}, got {got!r}")


class Schedule:
    """What one seed draws: faults and their rates, latency, and the callers' requests."""

    def __init__(self, seed: int) -> None:
        self.drawn = drawn = random.Random(seed)
        kinds = {**SPOILS_A_REPLY, **(ENDS_A_CONNECTION if seed % 2 else {})}
        rates = {
            fault: rate * drawn.random() for fault, rate in kinds.items() if drawn.random() < 0.7
        }
        self.opend = Simulator(
            quota=None,
            latency=drawn.choice(LATENCIES),
            seed=SEED,
            now=lambda: NOW,
            answers={PROTO_ID: double},
            faults=Faults(rates, seed=seed, delay=(0.01, 30.0)),
        )
        self.ends: Counter[str] = Counter()

    async def run(self) -> None:
        quota = Quota(10**6, 1.0)
        async with (
            self.opend as opend,
            aiocapdist.connect(
                opend.memory, quota=quota, request_timeout=4.0, attempts=3
            ) as client,
            anyio.create_task_group() as group,
        ):
            for _ in range(CALLERS):
                group.start_soon(self.caller, client)

    async def caller(self, client: Client) -> None:
        for _ in range(CALLS):
            patience = self.drawn.choice([0.0, 0.01, 1.0, 1e4, 1e4])
            scope = anyio.move_on_after(patience)
            try:
                with scope:
                    await self.drawn.choice([self.one, self.one, self.sweep, self.other])(client)
                    self.ends["answered"] += 1
            except AiocapdistError as error:
                self.ends[type(error).__name__] += 1
            self.ends["cancelled"] += scope.cancelled_caught
            if self.drawn.random() < 0.2:
                await anyio.sleep(self.drawn.uniform(0.0, 0.1))

    async def one(self, client: Client) -> None:
        code = self.drawn.choice(CODES)
        check(code, await client.capital_distribution(code))

    async def sweep(self, client: Client) -> None:
        codes = self.drawn.sample(CODES, 4)
        async for outcome in client.capital_distributions(codes):
            if outcome.value is not None:
                check(outcome.code, outcome.value)
            codes.remove(outcome.code)
            if self.drawn.random() < 0.05:
                break

    async def other(self, client: Client) -> None:
        """Make a call that the library does not know."""
        number = self.drawn.randrange(10**6)
        repeat = self.drawn.random() < 0.5
        reply = await client.request(PROTO_ID, request_message(number), Response, idempotent=repeat)
        if reply.s2c.time != 2 * number:
            raise Crossed(f"asked to double {number}, got {reply.s2c.time}")


@pytest.mark.parametrize("part", range(2))
def test_no_caller_gets_anothers_reply_under_cancels_delays_duplicates_and_losses(
    part: int,
) -> None:
    """The second part runs its schedules on trio."""
    requests, ends, played = 0, Counter[str](), Counter[Fault]()
    for seed in range(
        FIRST_SEED + part * SCHEDULES, FIRST_SEED + part * SCHEDULES + SCHEDULES // 2
    ):
        random.seed(seed)  # the client draws its first serial and its reconnect delays
        schedule = Schedule(seed)
        run_virtually(schedule.run, on=("asyncio", "trio")[part])
        requests += sum(r.proto_id in (3212, PROTO_ID) for r in schedule.opend.requests)
        ends += schedule.ends
        played += faults_of(schedule.opend).played
    figure(1, requests=requests, schedules=SCHEDULES // 2, crossed=0, **ends)
    print({fault.name: n for fault, n in played.items()})
    assert requests > 600 * (SCHEDULES // 2)
    assert ends["answered"] > ends.total() / 4
    assert ends["cancelled"] > ends.total() / 20
    assert len(played) > 15 or SCALE < 1
