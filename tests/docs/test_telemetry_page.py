"""The page on telemetry: its program, what that prints, and its table of metrics."""

from __future__ import annotations

import asyncio
import re

import pytest

from aiocapdist.telemetry import _meters

from .pages import DOCS, blocks, rows
from .snippets import main_of, opend

PAGE = DOCS / "guides" / "telemetry.md"


def test_prometheus(capsys: pytest.CaptureFixture[str]) -> None:
    async def both() -> int:
        async with opend() as simulator:
            await main_of("prometheus")()
            return simulator.port

    port = asyncio.run(both())
    printed = re.sub(r'otel_scope_\w+="[^"]*",', "", capsys.readouterr().out)
    printed = printed.replace(f'"{port}"', '"11111"')
    told = next(text for language, text in blocks(PAGE) if language == "text").splitlines()
    assert [line for line in told if line not in printed.splitlines()] == []


def test_every_metric_has_a_row() -> None:
    table = [row for row in rows(PAGE.read_text("utf-8")) if row[0].startswith("`aiocapdist.")]
    made = {"aiocapdist.requests", "aiocapdist.round_trip.duration"}
    assert {row[0].strip("`") for row in table} == {*made, *_meters.GAUGES, *_meters.COUNTERS}
