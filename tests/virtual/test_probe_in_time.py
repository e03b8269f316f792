"""``doctor --probe`` finds out whatever the simulator assumes, and asks no more than needed."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, date, timedelta, timezone
from itertools import product
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import Quota
from aiocapdist._pb import capital_distribution_pb2 as pb
from aiocapdist.cli.doctor.findings import Finding
from aiocapdist.cli.doctor.probe.run import Probe
from aiocapdist.simulator import Assumptions, Fault, Faults, Simulator

from ..simulator.raw import distribution_request, raw_client

pytestmark = pytest.mark.anyio
MORNING = 1_790_049_600.0 - 2 * 3600  # Tuesday, 22 September 2026, 10:00 in Hong Kong
SAMPLES = 16
"""Requests that samples take if the first crypto code has figures."""


class World:
    """A simulated OpenD, and what the probe found of it."""

    def __init__(self, **simulator: Any) -> None:
        self.assumptions = Assumptions(**simulator.pop("assumptions", {}))
        self.options = {"latency": 0.1, "language": "en", "now": lambda: MORNING, **simulator}
        self.found: dict[str, Finding] = {}
        self.seconds = 0.0
        self.outcomes: Counter[str] = Counter()

    async def probe(
        self,
        *,
        second: bool = False,
        beside: Any = None,
        seed: int | None = None,
        of: Quota | None = None,
        **quota: Any,
    ) -> World:
        async with AsyncExitStack() as stack:
            opend = await stack.enter_async_context(
                Simulator(assumptions=self.assumptions, **self.options)
            )
            of = of or Quota(**quota)
            first, beside_it = [
                await stack.enter_async_context(self.connect(opend, of)) for _ in range(2)
            ]
            other = None
            if second:
                account = opend if seed is None else None
                options = {**self.options, "seed": seed or 0}
                far = await stack.enter_async_context(
                    Simulator(assumptions=self.assumptions, account=account, **options)
                )
                other = await stack.enter_async_context(self.connect(far, of))
            run = Probe(
                first, beside_it, other, add=self.add, timeout=10.0, today=date(2026, 9, 22)
            )
            async with anyio.create_task_group() as group:
                if beside is not None:
                    group.start_soon(beside, opend)
                start = anyio.current_time()
                await run.run()
                self.seconds = anyio.current_time() - start
                group.cancel_scope.cancel()
            self.outcomes.update(each.outcome for each in opend.requests if each.proto_id == 3212)
        return self

    def connect(self, opend: Simulator, quota: Quota) -> Any:
        return aiocapdist.connect(opend.memory, quota=quota, reconnect=False, attempts=1)

    def add(self, finding: Finding) -> None:
        assert finding.check not in self.found
        self.found[finding.check] = finding

    def answer(self, name: str) -> object:
        data = self.found[name].data
        return None if data is None else data["answer"]


@pytest.mark.parametrize(
    ("quota_of", "counted", "count_refused"),
    [*product(("connection", "opend", "account"), ("arrival", "reply"), (False, True))],
)
async def test_each_answer_about_the_quota_is_found(
    quota_of: str, counted: str, count_refused: bool
) -> None:
    assumed = {"quota_of": quota_of, "counted": counted}
    world = await World(assumptions=assumed, count_refused=count_refused).probe(second=True)
    assert world.answer("quota owner") == quota_of
    assert world.answer("counted from") == counted
    assert world.answer("refusals") == count_refused
    text = world.found["refusal text"]
    assert text.text.startswith("after 30 calls" if counted == "reply" else "after 31 calls")
    assert text.text.endswith("no more than 30 times every 30 seconds.")


@pytest.mark.parametrize("counted", ["arrival", "reply"])
async def test_no_more_is_asked_than_needed(counted: str) -> None:
    world = await World(assumptions={"counted": counted}).probe()
    assert world.outcomes["refused"] <= 3
    assert sum(world.outcomes.values()) <= SAMPLES + 30 + 5
    assert world.seconds < 75.0


async def test_without_a_second_opend_its_question_stays_open() -> None:
    world = await World(assumptions={"counted": "arrival"}).probe()
    assert world.answer("quota owner") == "opend or account"
    assert "--second" in (world.found["quota owner"].advice or "")
    assert "second OpenD" not in world.found


async def test_a_second_opend_of_another_account_is_left_out() -> None:
    world = await World().probe(second=True, seed=5)
    assert world.found["second OpenD"].state == "warning"
    assert "another account" in world.found["second OpenD"].text
    assert world.answer("quota owner") == "opend or account"


@pytest.mark.parametrize("count_refused", [False, True])
async def test_replies_that_come_at_once_do_not_tell_when_they_count(count_refused: bool) -> None:
    world = await World(latency=0.0, count_refused=count_refused).probe()
    assert world.found["counted from"].state == "skipped"
    assert "too quick to tell apart" in world.found["counted from"].text
    assert world.answer("refusals") == count_refused
    assert world.answer("quota owner") == "opend or account"


async def test_another_limit_is_found_where_it_is_told() -> None:
    world = await World(quota=(5, 10.0), assumptions={"counted": "arrival"}).probe(
        limit=5, period=10.0
    )
    assert world.found["refusal text"].data is not None
    assert world.found["refusal text"].data["answered"] == 6
    assert world.answer("counted from") == "arrival"


async def test_an_opend_without_a_limit() -> None:
    world = await World(quota=None, assumptions={"counted": "arrival"}).probe()
    for name in ("quota owner", "refusals", "counted from", "refusal text"):
        assert world.found[name].state == "skipped"
        assert "31 calls in 30 s were answered: no limit was seen" in world.found[name].text
    assert world.outcomes == {"answered": SAMPLES - 5 + 32, "unsupported": 5}


async def test_slow_replies_are_asked_for_at_the_same_time() -> None:
    world = await World(latency=1.0, assumptions={"counted": "reply"}).probe(second=True)
    assert world.answer("counted from") == "reply"
    assert world.answer("quota owner") == "account"
    assert world.answer("refusals") is False


async def test_a_program_that_spends_beside_is_noticed() -> None:
    async def spend(opend: Simulator) -> None:
        async with raw_client(opend) as client:
            for number in range(10_000):
                await client.ask(3212, number, distribution_request(1, "00700"))
                await anyio.sleep(2.0)

    world = await World().probe(beside=spend)
    assert "another program spends too" in world.found["refusals"].text
    assert world.found["counted from"].state == "skipped"
    assert world.found["refusal text"].state == "ok"
    assert world.answer("quota owner") == "opend or account"


async def test_samples_are_asked_for_again_if_others_have_spent_the_quota() -> None:
    async def spend(opend: Simulator) -> None:
        async with raw_client(opend) as client:
            for number in range(28):
                await client.ask(3212, number, distribution_request(1, "00700"))

    world = await World(assumptions={"counted": "arrival"}, latency=0.02).probe(beside=spend)
    assert "refused" not in world.found["stock codes"].text
    assert world.answer("refusals") is False


async def test_a_program_that_spends_from_the_same_quota_is_noticed() -> None:
    quota = Quota()

    async def spend(opend: Simulator) -> None:
        async with aiocapdist.connect(opend.memory, quota=quota) as client:
            while True:
                await client.capital_distributions([f"HK.{n:05}" for n in range(1, 20)]).collect()

    world = await World(latency=0.02).probe(beside=spend, of=quota)
    assert "other programs spend from the same quota" in world.found["refusals"].text
    assert world.outcomes["refused"] == 0


async def test_a_quota_that_is_too_small_is_left_alone() -> None:
    world = await World(quota=(2, 10.0)).probe(limit=2, period=10.0)
    assert "fewer than three calls" in world.found["refusals"].text


async def test_the_refusals_text_and_code() -> None:
    assumed = {"refusal_text": "Slow down: too frequent", "refusal_code": 17}
    world = await World(assumptions=assumed).probe()
    assert world.found["refusal text"].text.endswith("with error code 17: Slow down: too frequent")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("figures", "has figures"),
        ("zeros", "has figures, all 0"),
        ("unsupported", "is unsupported (0: not supported for this type of security: "),
        ("unknown", "is unknown (0: unknown stock "),
    ],
)
async def test_what_each_kind_gets(answer: str, text: str) -> None:
    codes = {
        "index": "HK.800000",
        "future": "HK.HSI2610",
        "option": "US.AAPL261016C200000",
        "etf": "HK.02800",
        "crypto": "CC.BTC",
    }
    for kind, code in codes.items():
        world = await World(assumptions={"kinds": {kind: answer}}).probe()
        found = world.found[f"{kind} codes"]
        assert found.text.startswith(f"{code} {text}")
        assert found.data is not None
        assert found.data[code]["answer"] == answer  # type: ignore[index]


async def test_the_broker_that_a_crypto_code_needs() -> None:
    def answer(body: bytes) -> pb.Response:
        c2s = pb.Request.FromString(body).c2s
        if c2s.security.market == 91 and c2s.header.securityFirm != 2:
            return pb.Response(retType=-1, retMsg="broker needed", errCode=3)
        amounts: Any = dict.fromkeys((f"capital{way}{size}" for way, size in SIZES), 1.0)
        return pb.Response(retType=0, s2c=pb.S2C(**amounts))

    world = await World(answers={3212: answer}).probe()
    assert world.found["crypto codes"].text == "CC.BTC has figures; with security_firm 2"
    world = await World(assumptions={"kinds": {"crypto": "unsupported"}}).probe()
    assert world.found["crypto codes"].text.endswith("; without a broker and with each of 1 to 3")


SIZES = [*product(("In", "Out"), ("Big", "Mid", "Small"))]


async def test_the_zone_of_the_update_time() -> None:
    beijing = timezone(timedelta(hours=8))
    world = await World().probe()
    assert world.found["update time"].text.startswith("HK UTC+8 (its own), US UTC-4 (its own), ")
    world = await World(assumptions={"update_zones": {"US": beijing, "SG": UTC}}).probe()
    text = world.found["update time"].text
    assert "US UTC+8 (not its own, UTC-4)" in text
    assert "SG UTC+0 (not its own, UTC+8)" in text
    assert world.found["update time"].data is not None
    assert world.found["update time"].data["US"] == 8
    half = timezone(timedelta(hours=5, minutes=30))
    world = await World(assumptions={"update_zones": {"US": half}}).probe()
    assert "US UTC+5.5 (not its own" in world.found["update time"].text


async def test_figures_without_a_timestamp() -> None:
    world = await World(assumptions={"update_timestamp": False}).probe()
    assert world.found["update time"].data is not None
    assert world.found["update time"].data["HK"] is None
    assert "HK not told (no time, or no timestamp beside it)" in world.found["update time"].text


@pytest.mark.parametrize(
    ("padding", "state", "text"),
    [
        (0, "ok", " bytes with figures, of 16384 that are accepted; they take 100 ms"),
        (5000, "warning", "that are accepted"),
        (17_000, "warning", "cannot be read"),
    ],
)
async def test_how_long_replies_are(padding: int, state: str, text: str) -> None:
    world = await World(assumptions={"padding": padding}).probe()
    assert world.found["reply length"].state == state
    assert text in world.found["reply length"].text


async def test_an_opend_without_figures_is_not_examined_further() -> None:
    world = await World(assumptions={"kinds": {"stock": "unsupported"}}).probe()
    assert world.found["probe"].state == "failed"
    assert "no stock has figures" in world.found["probe"].text
    assert "refusals" not in world.found
    assert world.outcomes["refused"] == 0


async def test_a_connection_that_is_lost_ends_it() -> None:
    faults = Faults(script=[*[None] * 30, Fault.CLOSE])
    world = await World(faults=faults).probe()
    assert world.found["probe"].state == "failed"
    assert "connection to OpenD lost" in world.found["probe"].text
    assert world.found["reply length"].state == "ok"
    assert world.found["refusals"].text == "not found out: it ended early"
