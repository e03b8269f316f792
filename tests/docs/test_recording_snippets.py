"""The snippets about recordings run one after another, on one recording."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars
import pytest

from aiocapdist import CapitalDistribution
from aiocapdist.recording import Recording

from ..recording.making import at, figures
from .snippets import main_of, opend, shown_output


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The recording that the snippets name, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return "day.sqlite"


def add(path: str, *values: CapitalDistribution) -> None:
    async def write() -> None:
        async with Recording(path) as recording:
            await recording.add(*values)

    asyncio.run(write())


def test_record(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def record() -> None:
        async with opend():
            await main_of("record")()

    asyncio.run(record())
    assert capsys.readouterr().out == shown_output("record")


def test_record_watch(path: str) -> None:
    async def record() -> None:
        async with opend(), Recording(path) as recording:
            task = asyncio.ensure_future(main_of("record_watch")())
            while len(await recording.latest()) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(record())


def test_read_recording(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    recent = figures(updated_at=now - timedelta(minutes=1), capital_in_big=1e6)
    add(path, recent, figures(updated_at=now - timedelta(days=2)), figures("HK.00005"))
    asyncio.run(main_of("read_recording")())
    assert capsys.readouterr().out == f"{recent.updated_at} {recent.main_net:+,.0f}\n"


def test_export_recording(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(path, figures(), figures(second=1))
    asyncio.run(main_of("export_recording")())
    assert capsys.readouterr().out == shown_output("export_recording").replace("180", "2")
    assert polars.read_parquet(tmp_path / "day.parquet").height == 2


def test_replay_alarm(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The main force buys until noon, and sells from then on."""
    day = [
        figures(second=60 * minute, capital_in_super=20.0 if minute < 150 else 0.0)
        for minute in range(390)
    ]
    add(path, *day)
    asyncio.run(asyncio.wait_for(main_of("replay_alarm")(), 60))
    printed = capsys.readouterr().out.removeprefix("alarm at ").strip()
    assert datetime.fromisoformat(printed) >= at(150 * 60)


def test_given_figures(capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(main_of("given_figures")())
    assert capsys.readouterr().out == shown_output("given_figures")
