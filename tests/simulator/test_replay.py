"""A simulator whose figures are recorded, or given: what clients see of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist import (
    CapitalDistribution,
    Client,
    InvalidCode,
    MarketState,
    Period,
    RecordingError,
    Security,
    UnknownSecurity,
)
from aiocapdist._pb import capital_flow_pb2
from aiocapdist._protocol.capital_flow import decode_capital_flow
from aiocapdist._protocol.decoders import decode_capital_distribution
from aiocapdist.recording import Recording
from aiocapdist.simulator import Simulator

from ..recording.making import START, Change, Hand, at, figures, flow, point, record
from ..support.virtual_asyncio import BACKENDS, run_virtually
from .raw import distribution_request, flow_request, raw_client

pytestmark = pytest.mark.anyio
OLD: dict[str, Any] = {"capital_in_super": None, "capital_out_super": None}


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "day.sqlite")


@pytest.fixture
def hand() -> Hand:
    return Hand()


async def what(client: Client, code: str = "HK.00700") -> CapitalDistribution | None:
    """The figures of a code; None where it is unknown."""
    try:
        return await client.capital_distribution(code)
    except UnknownSecurity:
        return None


# ---- recorded figures


async def test_a_client_sees_the_figures_of_each_recorded_moment(path: str, hand: Hand) -> None:
    given = [
        figures(second=10),
        figures(second=20, **OLD),
        figures(second=30.000001, update_time=None, capital_in_big=0.1 + 0.2),
    ]
    await record(path, *given, figures("US.AAPL", 15))
    with anyio.fail_after(10):
        async with (
            Simulator(recording=path, now=hand, quota=None) as opend,
            aiocapdist.connect(opend.memory, quota=aiocapdist.Quota(1000, 0.001)) as client,
        ):
            seen = []
            for second in (9.9, 10, 19.9, 20, 30, 30.000001, 1e6):
                hand.second = second
                seen.append((await what(client), await what(client, "US.AAPL")))
            assert await what(client, "HK.00005") is None, "never recorded"
    first, second_, third = given
    aapl = figures("US.AAPL", 15)
    assert seen == [
        (None, None),
        (first, None),
        (first, aapl),
        (second_, aapl),
        (second_, aapl),
        (third, aapl),
        (third, aapl),
    ]


async def test_no_code_is_special_in_a_recording(path: str, hand: Hand) -> None:
    codes = ["HK.99999", "HK.800000", "US..DJI", "FX.USDCNH"]
    await record(path, *(figures(code) for code in codes))
    async with (
        Simulator(recording=path, now=hand) as opend,
        aiocapdist.connect(opend.memory) as client,
    ):
        assert [await what(client, code) for code in codes] == [figures(code) for code in codes]


async def test_super_orders_are_left_out_where_opend_is_to_be_old(path: str, hand: Hand) -> None:
    await record(path, figures())
    async with (
        Simulator(recording=path, now=hand, super_fields=False) as opend,
        aiocapdist.connect(opend.memory) as client,
    ):
        assert await what(client) == figures(**OLD)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_day_is_lived_through_at_any_speed(backend: str, path: str) -> None:
    """Hong Kong's day from 9:20 to 16:10, a request and a look at the markets each minute."""
    opening = datetime(2026, 3, 2, 1, 20, 1, tzinfo=UTC)
    given = [figures(second=second) for second in range(0, 390 * 60 + 1, 90)]
    anyio.run(record, path, *given)
    speed = 600.0

    async def main() -> list[tuple[CapitalDistribution | None, MarketState | int]]:
        quota = aiocapdist.Quota(30, 30 / speed, margin=0.05 / speed)
        async with (
            Simulator(recording=path, speed=speed, start=opening, quota=(30, 30 / speed)) as opend,
            aiocapdist.connect(opend.memory, quota=quota) as client,
        ):
            seen = []
            for _ in range(410):
                seen.append((await what(client), (await client.global_state()).market_hk))
                await anyio.sleep(60 / speed)
            assert opend.largest_window <= 30
            return seen

    for minute, (value, state) in enumerate(run_virtually(main, on=backend)):
        second = min((minute - 10) * 60 + 1, 390 * 60)
        assert value == (None if second < 0 else figures(second=second // 90 * 90)), minute
        hour = 9 + (20 + minute) / 60
        rest = MarketState.REST if 12 <= hour < 13 else None
        trading = MarketState.MORNING if hour < 12 else MarketState.AFTERNOON
        closed = MarketState.CLOSED if not 9.5 <= hour < 16 else None
        assert state == (rest or closed or trading), minute


async def test_a_recording_is_played_while_it_is_written(path: str, hand: Hand) -> None:
    async with Recording(path) as recording:
        await recording.add(figures())
        async with (
            Simulator(recording=recording, now=hand) as opend,
            aiocapdist.connect(opend.memory) as client,
        ):
            await recording.add(figures("HK.00005"))
            assert await what(client, "HK.00005") == figures("HK.00005")


async def test_a_recording_that_cannot_be_played_leaves_nothing_open(
    path: str, closed_port: int
) -> None:
    for _ in range(2):
        with pytest.raises(RecordingError, match="there is no recording yet"):
            async with Simulator(port=closed_port, recording=path):
                pass
    await record(path, figures())
    async with Simulator(port=closed_port) as opend:
        with pytest.raises(OSError, match=r"in use|address"):
            async with Simulator(port=opend.port, recording=path):
                pass
    assert [file.name for file in Path(path).parent.iterdir()] == ["day.sqlite"], "it is open"


# ---- recorded flows


async def flow_of(opend: Simulator, code: str, period: Period, **dates: Any) -> Any:
    """The flow that a client gets; the error's text where there is none."""
    security = Security.parse(code)
    async with raw_client(opend) as client:
        reply = await client.ask(3211, 2, flow_request(*security, period, **dates))
    if capital_flow_pb2.Response.FromString(reply.body).retType:
        return reply.refusal[1]
    return decode_capital_flow(reply.body, code, security, period)


async def test_a_recorded_flow_is_what_was_known_by_then(path: str, hand: Hand) -> None:
    minutes = flow(*(point(at(60 * n), n, main_in_flow=None) for n in range(5)))
    days = flow(*(point(at(86400 * n), n) for n in range(-9, 0)), period=Period.DAY)
    await record(path, figures(), Change("", minutes, seen_at=at(240)), days)
    async with Simulator(recording=path, now=hand, language="en") as opend:
        hand.second = 130
        got = await flow_of(opend, "HK.00700", Period.INTRADAY)
        assert got.points == minutes.points[:2]
        assert (got.last_valid_time, got.last_valid_at) == ("2026-03-02 09:32:10", at(130))
        got = await flow_of(
            opend,
            "HK.00700",
            Period.DAY,
            beginTime="2026-02-24 00:00:00",
            endTime="2026-02-26 23:59:59",
        )
        assert got.points == days.points[3:6]
        assert (await flow_of(opend, "HK.00700", Period.DAY)).points == days.points
        for code, period in (("HK.00700", Period.WEEK), ("HK.00005", Period.INTRADAY)):
            assert await flow_of(opend, code, period) == f"unknown stock {code}"
        assert await flow_of(opend, "HK.00700", Period.DAY, beginTime="x") == "wrong arguments"


# ---- given figures


async def test_figures_can_be_given_by_code(hand: Hand) -> None:
    given = {"HK.00700": figures(), "US..DJI": figures("US..DJI", None, **OLD)}
    async with (
        Simulator(figures=given, now=hand) as opend,
        aiocapdist.connect(opend.memory) as client,
    ):
        assert {code: await what(client, code) for code in given} == given
        assert await what(client, "HK.00005") is None
        given["HK.00700"] = figures(second=9)
        assert await what(client) == figures(second=9), "a later answer is the later figures"
        assert await flow_of(opend, "HK.00700", Period.INTRADAY) == "未知股票 HK.00700"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"HK.00700": 5}, "figures of HK.00700 are a CapitalDistribution, or None, not int"),
        ({"HK.00700": {"net": 5}}, "not dict"),
        ([], "figures are given by code, or by a function, not as list"),
    ],
)
def test_figures_that_are_none_are_told_at_once(given: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        Simulator(figures=given)
    with pytest.raises(InvalidCode, match="it has no market"):
        Simulator(figures={"700": figures()})


async def test_figures_can_be_given_by_a_function() -> None:
    asked = []

    def given(code: str) -> CapitalDistribution | None:
        asked.append(code)
        return figures(code, len(asked)) if code.startswith("HK") else None

    async with Simulator(figures=given) as opend, raw_client(opend) as client:
        for serial, code in enumerate(("HK.00700", "HK.00005"), 2):
            security = Security.parse(code)
            reply = await client.ask(3212, serial, distribution_request(*security))
            got = decode_capital_distribution(reply.body, code, security)
            assert got == figures(code, serial - 1)
        reply = await client.ask(3212, 9, distribution_request(*Security.parse("US.AAPL")))
        assert reply.refusal == (-1, "未知股票 US.AAPL")
    assert asked == ["HK.00700", "HK.00005", "US.AAPL"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"recording": "a", "figures": {}}, "either given or recorded"),
        ({"recording": "a", "speed": 0}, "speed must be a positive number"),
        ({"recording": "a", "speed": "2"}, "speed must be a positive number"),
        ({"recording": "a", "start": datetime(2026, 1, 1)}, "needs its zone"),  # noqa: DTZ001
        ({"recording": "mysql://host"}, "a recording is a path"),
        ({"speed": 2.0}, "those of a recording"),
        ({"start": START}, "those of a recording"),
        ({"nights": True}, "those of a recording"),
    ],
)
def test_wrong_arguments_are_a_value_error(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Simulator(**arguments)
