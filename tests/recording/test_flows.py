"""Capital flows: a row for each point, read back as flows, exported."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from aiocapdist import CapitalFlow, Market, Outcome, Period
from aiocapdist.recording import Recording, _store

from .making import START, Change, at, everything, figures, flow, point

pytestmark = pytest.mark.anyio


async def flows(recording: Recording, *args: Any, **options: Any) -> list[CapitalFlow]:
    """All flows that are read."""
    return [value async for value in recording.read_flows(*args, **options)]


@pytest.mark.parametrize(
    "given",
    [
        flow(*(point(at(60 * n), 1.5 * n) for n in range(5))),
        flow(point(at(0), main_in_flow=-3.25), period=Period.DAY),
        flow(point(at(0)), last_valid_time=None, last_valid_at=None),
        flow(point(at(0), super_in_flow=None, big_in_flow=None, sml_in_flow=None)),
        flow(point(None, 1), point(None, 2)),
        flow(point(None, 1, day=date(2026, 3, 2)), code="US.AAPL", period=Period.DAY),
        flow(point(at(1e-6)), period=Period.MONTH),
    ],
)
async def test_flows_come_back_exactly(where: str, given: CapitalFlow) -> None:
    given = given.model_copy(update={"market": Market[given.code[:2]]})
    async with Recording(where) as recording:
        await recording.add(given)
        assert await flows(recording) == [given]
        assert await everything(recording) == []


async def test_a_flow_recorded_again_is_updated(where: str) -> None:
    async with Recording(where) as recording:
        for minutes in range(1, 9):
            points = [point(at(60 * n), n + (n == minutes - 1)) for n in range(minutes)]
            await recording.add(flow(*points, last_valid_at=at(60 * minutes)))
        (got,) = await flows(recording)
    assert [value.in_flow for value in got.points] == [0, 1, 2, 3, 4, 5, 6, 8]
    assert got.last_valid_at == at(480)


async def test_a_day_without_a_time_has_one_row(where: str) -> None:
    async with Recording(where) as recording:
        for net in (1.0, 2.0, 3.0):
            day = point(None, net, day=date(2026, 3, 2))
            await recording.add(flow(day, period=Period.DAY))
        (got,) = await flows(recording)
        assert got.points == (point(None, 3.0, day=date(2026, 3, 2)),)
        assert await flows(recording, since=datetime.fromisoformat("2026-03-02T00:00Z"))
        assert not await flows(recording, until=datetime.fromisoformat("2026-03-02T00:00Z"))


@pytest.mark.parametrize("size", [2, 3, 7, 1000])
async def test_flows_are_read_whole_day_by_day_and_in_order(
    where: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_store, "PAGE", size)
    given = [
        flow(*(point(at(86400 * day + 60 * n), n) for n in range(5)), code=code)
        for code in ("HK.00005", "HK.00700", "SH.600519")
        for day in range(2)
    ]
    daily = flow(*(point(at(86400 * n), n) for n in range(6)), period=Period.DAY)
    given = [value.model_copy(update={"market": Market[value.code[:2]]}) for value in given]
    async with Recording(where) as recording:
        await recording.add(*given[::-1], daily)
        in_order = sorted([*given, daily], key=lambda v: (v.code, v.period.name, v.points[0].at))
        assert await flows(recording) == in_order
        assert await flows(recording, period=Period.DAY) == [daily]
        assert await flows(recording, ["SH.600519", "HK.00005", "HK.00001"]) == [
            *given[:2],
            *given[4:],
        ]
        assert await flows(recording, [], Period.INTRADAY) == []
        (part,) = await flows(
            recording,
            ["HK.00700"],
            since=at(86400 + 60),
            until=at(86400 + 180),
            period=Period.INTRADAY,
        )
        assert part.points == given[3].points[1:3]


async def test_figures_and_flows_are_added_together(where: str) -> None:
    async with Recording(where) as recording:
        empty = flow()
        await recording.add(figures(), flow(point(START)), empty, Change("HK.00005", None))
        await recording.add(Outcome("HK.00005", figures("HK.00005")))
        assert len(await everything(recording)) == 2
        assert await flows(recording) == [flow(point(START))]


async def test_flows_are_exported_exactly(where: str, tmp_path: Path) -> None:
    given = flow(point(at(0), 0.1 + 0.2, main_in_flow=-5.0), point(at(60)))
    async with Recording(where) as recording:
        await recording.add(Change("HK.00700", given, seen_at=at(70)), figures())
        for name in ("a.csv", "a.jsonl", "a.parquet"):
            assert await recording.export(tmp_path / name, flows=True) == 2
    first = parquet.read_table(tmp_path / "a.parquet").to_pylist()[0]
    assert first == {
        "code": "HK.00700",
        "period": "INTRADAY",
        "time": at(0),
        "at": at(0),
        "seen_at": at(70),
        "market": "HK",
        "day": date(2026, 3, 2),
        "time_text": "2026-03-02 09:30:00",
        "in_flow": 0.1 + 0.2,
        "main_in_flow": -5.0,
        "super_in_flow": 0.1 + 0.2 + 0.1,
        "big_in_flow": 0.1 + 0.2 - 0.1,
        "mid_in_flow": None,
        "sml_in_flow": 0.0,
        "last_valid_at": at(99),
        "last_valid_time": "2026-03-02 16:00:00",
    }
    records = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert (records[0]["day"], records[0]["in_flow"]) == ("2026-03-02", 0.1 + 0.2)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["day"], float(rows[0]["in_flow"])) == ("2026-03-02", 0.1 + 0.2)
    assert rows[1]["mid_in_flow"] == ""
