"""The simulator's capital flows: they fit its capital distribution, in every period."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import anyio
import pytest

from aiocapdist._pb import capital_flow_pb2 as pb
from aiocapdist._protocol.capital_flow import decode_capital_flow
from aiocapdist._protocol.decoders import decode_capital_distribution
from aiocapdist.models import CapitalDistribution, CapitalFlow, FlowPoint, Period, Security
from aiocapdist.simulator import Simulator

from .raw import distribution_request, flow_request, raw_client

pytestmark = pytest.mark.anyio
TIERS = ("super", "big", "mid", "sml")
# In Hong Kong: Thursday 11:00:20, Thursday after the close, Sunday; one second of trading.
TRADING = datetime(2025, 10, 9, 3, 0, 20, tzinfo=UTC).timestamp()
CLOSED = datetime(2025, 10, 9, 12, 0, tzinfo=UTC).timestamp()
SUNDAY = datetime(2025, 10, 12, 3, 0, tzinfo=UTC).timestamp()
OPENING = datetime(2025, 10, 9, 1, 30, 3, tzinfo=UTC).timestamp()


async def flow_and_figures(
    now: float, code: str = "HK.00700", period: Period = Period.INTRADAY, **options: Any
) -> tuple[CapitalFlow, CapitalDistribution]:
    """What the simulator says of one security at one moment."""
    dates = {name: options.pop(name) for name in ("beginTime", "endTime") if name in options}
    security = Security.parse(code)
    with anyio.fail_after(5):
        async with Simulator(now=lambda: now, **options) as opend, raw_client(opend) as client:
            flow = await client.ask(3211, 2, flow_request(*security, period, **dates))
            figures = await client.ask(3212, 3, distribution_request(*security))
    return (
        decode_capital_flow(flow.body, code, security, period),
        decode_capital_distribution(figures.body, code, security),
    )


def nets(figures: CapitalDistribution) -> list[float | None]:
    return [figures.net_super, figures.net_big, figures.net_mid, figures.net_small]


def tiers(point: FlowPoint) -> list[float | None]:
    return [getattr(point, f"{tier}_in_flow") for tier in TIERS]


@pytest.mark.parametrize("code", ["HK.00700", "US.AAPL", "SH.600519"])
@pytest.mark.parametrize("now", [TRADING, CLOSED, SUNDAY, OPENING])
async def test_the_last_minute_has_the_nets_of_the_capital_distribution(
    code: str, now: float
) -> None:
    flow, figures = await flow_and_figures(now, code)
    last = flow.points[-1]
    assert tiers(last) == nets(figures)
    assert last.in_flow == figures.net
    assert last.main_in_flow is None
    assert last.at is not None
    assert figures.updated_at is not None
    assert 0 <= (figures.updated_at - last.at).total_seconds() < 60


async def test_a_whole_day_has_a_row_for_each_minute() -> None:
    flow, _ = await flow_and_figures(CLOSED)
    assert len(flow.points) == 391
    assert (flow.points[0].time, flow.points[0].day) == ("2025-10-09 09:30:00", date(2025, 10, 9))
    assert flow.points[-1].time == "2025-10-09 16:00:00"
    times = [point.at for point in flow.points]
    assert times[0] == datetime(2025, 10, 9, 1, 30, tzinfo=UTC)
    steps = {(b - a).total_seconds() for a, b in pairwise(times) if a and b}
    assert steps == {60}


async def test_minutes_are_those_of_the_day_so_far() -> None:
    early, _ = await flow_and_figures(TRADING)
    late, _ = await flow_and_figures(CLOSED)
    assert early.points[:-1] == late.points[: len(early.points) - 1]
    assert early.points[-1].time == "2025-10-09 11:00:00"
    assert early.points[-1].in_flow != late.points[len(early.points) - 1].in_flow


async def test_new_york_writes_its_own_time() -> None:
    flow, figures = await flow_and_figures(TRADING, "US.AAPL")
    assert figures.update_time == "2025-10-08 16:00:00"
    assert flow.points[0].time == "2025-10-08 09:30:00"
    assert flow.points[0].day == date(2025, 10, 8)


async def test_last_valid_time_is_that_of_the_request() -> None:
    flow, _ = await flow_and_figures(SUNDAY)
    assert flow.last_valid_time == "2025-10-12 11:00:00"
    assert flow.last_valid_at == datetime.fromtimestamp(SUNDAY, UTC)


async def test_days_are_trading_days_and_the_last_is_today() -> None:
    flow, figures = await flow_and_figures(TRADING, period=Period.DAY, beginTime="2025-10-01")
    assert [point.time for point in flow.points] == [
        f"2025-10-{day:02d} 00:00:00" for day in (1, 2, 3, 6, 7, 8, 9)
    ]
    assert flow.points[0].at == datetime(2025, 9, 30, 16, tzinfo=UTC)
    today = flow.points[-1]
    assert tiers(today) == nets(figures)
    assert today.main_in_flow == figures.main_net
    closed, _ = await flow_and_figures(TRADING - 86400 * 0.5, period=Period.DAY)
    assert closed.points[-1] == flow.points[-2], "yesterday as it was yesterday"


@pytest.mark.parametrize(
    ("period", "starts"),
    [
        (Period.WEEK, ["2025-09-10", "2025-09-15", "2025-09-22", "2025-09-29", "2025-10-06"]),
        (Period.MONTH, ["2025-09-10", "2025-10-01"]),
    ],
)
async def test_weeks_and_months_are_sums_of_their_days(period: Period, starts: list[str]) -> None:
    begin = "2025-09-10"
    flow, _ = await flow_and_figures(TRADING, period=period, beginTime=begin)
    days, _ = await flow_and_figures(TRADING, period=Period.DAY, beginTime=begin)
    assert [str(point.day) for point in flow.points] == starts
    for tier in ("in_flow", "main_in_flow", "sml_in_flow"):
        total = math.fsum(getattr(point, tier) for point in flow.points)
        assert total == math.fsum(getattr(point, tier) for point in days.points)


async def test_history_reaches_a_year_back() -> None:
    for dates in ({}, {"beginTime": "2019-01-01"}):
        flow, _ = await flow_and_figures(TRADING, period=Period.DAY, **dates)
        assert flow.points[0].day == date(2024, 10, 9)
        assert len(flow.points) == 262


@pytest.mark.parametrize(
    "dates",
    [
        {"beginTime": "2025-10-04", "endTime": "2025-10-05"},  # a weekend
        {"beginTime": "2025-10-10"},  # tomorrow
        {"beginTime": "2025-10-09", "endTime": "2025-10-08"},
    ],
)
async def test_dates_without_trading_give_no_rows(dates: dict[str, str]) -> None:
    flow, _ = await flow_and_figures(TRADING, period=Period.DAY, **dates)
    assert flow.points == ()


async def test_an_old_opend_tells_no_super_orders() -> None:
    flow, figures = await flow_and_figures(TRADING, super_fields=False)
    assert flow.points[-1].super_in_flow is None
    assert flow.points[-1].in_flow == figures.net


async def test_flows_have_a_window_of_their_own() -> None:
    with anyio.fail_after(5):
        async with Simulator(quota=(2, 60.0), language="en") as opend, raw_client(opend) as client:
            results = [
                (await client.ask(proto_id, n, message(1, "00700"))).refusal
                for n in range(3)
                for proto_id, message in ((3211, flow_request), (3212, distribution_request))
            ]
            assert results[:4] == [(0, "")] * 4
            told = "Get Capital Flow is too frequent, request failed, no more than 2 times"
            assert results[4] == (-1, f"{told} every 60 seconds.")
            assert results[5][1].startswith("Get Capital Distribution is too frequent")
            assert (opend.largest_window, opend.largest_flow_window) == (2, 2)
        async with Simulator(quota=None) as opend:
            assert opend.largest_flow_window == 0


@pytest.mark.parametrize(
    ("request_", "result", "outcome"),
    [
        (flow_request(1, "99999"), -1, "unknown"),
        (flow_request(11, ".DJI"), -1, "unsupported"),
        (flow_request(1, "00700", 0), -1, "invalid"),
        (flow_request(1, "00700", 2, beginTime="tomorrow"), -1, "invalid"),
        (flow_request(1, "00700", 2, endTime="0001-01-01"), -1, "invalid"),
        (b"\xff", -500, "invalid"),
        (pb.Request(c2s={}).SerializePartialToString(), -500, "invalid"),
    ],
)
async def test_what_cannot_be_answered_is_rejected(
    request_: Any, result: int, outcome: str
) -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, raw_client(opend) as client:
            assert (await client.ask(3211, 2, request_)).refusal[0] == result
            assert opend.requests[-1].outcome == outcome
