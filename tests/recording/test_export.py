"""Exports: exact, complete or absent, and read by the tools that people use."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import duckdb
import polars
import pytest
from pyarrow import parquet

from aiocapdist import CapitalDistribution, RecordingError
from aiocapdist.recording import Recording, _export, _store
from aiocapdist.recording._schema import DISTRIBUTIONS

from .making import Change, at, figures

pytestmark = pytest.mark.anyio
COLUMNS = DISTRIBUTIONS.c.keys()
SEEN = at(50)
GIVEN = [
    figures("HK.00005", 1, capital_in_big=0.1 + 0.2, capital_in_mid=1e300, capital_in_small=5e-324),
    figures("HK.00700", 1.000001, capital_in_super=None, capital_out_super=None, update_time=None),
    figures("US.AAPL", 2, update_time='say "资金",\nnow'),
    figures("US.TSLA", None, capital_in_big=-1234567890123.456),
]


@pytest.fixture
async def recording(where: str) -> Any:
    async with Recording(where) as recording:
        for value in GIVEN:
            await recording.add(Change(value.code, value, seen_at=SEEN))
        yield recording


def row(value: CapitalDistribution) -> dict[str, Any]:
    """What is exported of these figures."""
    data = {**value.model_dump(), "market": value.market.name, "seen_at": SEEN}
    data["time"] = value.updated_at or SEEN
    return {name: data[name] for name in COLUMNS}


ROWS = [row(value) for value in GIVEN]


def from_text(record: dict[str, Any]) -> dict[str, Any]:
    """A row as CSV and JSON have it, with its types again."""
    values: dict[str, Any] = {}
    for name, value in record.items():
        if value in ("", None):
            values[name] = None
        elif name.endswith("_at") or name == "time":
            values[name] = datetime.fromisoformat(value)
        elif name.startswith("capital_"):
            values[name] = float(value)
        else:
            values[name] = value
    return values


async def test_csv_is_exact(recording: Recording, tmp_path: Path) -> None:
    assert await recording.export(tmp_path / "day.csv") == 4
    with (tmp_path / "day.csv").open(encoding="utf-8", newline="") as file:
        assert [from_text(record) for record in csv.DictReader(file)] == ROWS


async def test_jsonl_is_exact(recording: Recording, tmp_path: Path) -> None:
    assert await recording.export(tmp_path / "x", "jsonl") == 4
    lines = (tmp_path / "x").read_text("utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    assert [from_text(record) for record in records] == ROWS
    assert records[1]["capital_in_super"] is None
    assert records[0]["time"] == "2026-03-02T01:30:01.000000Z"


async def test_parquet_is_exact(recording: Recording, tmp_path: Path) -> None:
    assert await recording.export(tmp_path / "day.parquet") == 4
    table = parquet.read_table(tmp_path / "day.parquet")
    assert table.to_pylist() == ROWS
    assert {str(table.schema.field(name).type) for name in ("time", "updated_at", "seen_at")} == {
        "timestamp[us, tz=UTC]"
    }


async def test_polars_and_duckdb_read_the_parquet(recording: Recording, tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    await recording.export(path, since=at(1), until=at(2))
    assert polars.read_parquet(path).to_dicts() == ROWS[:2]
    query = f"SELECT epoch_us(time), capital_in_big, capital_in_super FROM '{path}' ORDER BY time"
    with duckdb.connect() as connection:
        got = connection.execute(query).fetchall()
        (first,) = connection.execute(
            f"SELECT code FROM '{path}' WHERE time < TIMESTAMPTZ '2026-03-02 01:30:01.000001Z'"
        ).fetchall()
    microseconds = int(datetime(2026, 3, 2, 1, 30, 1, tzinfo=UTC).timestamp()) * 1_000_000
    assert got == [(microseconds, 0.1 + 0.2, 1.1), (microseconds + 1, 1.0, None)]
    assert first == ("HK.00005",)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
async def test_an_empty_export_has_its_columns(tmp_path: Path, name: str) -> None:
    async with Recording(tmp_path / "day.sqlite") as recording:
        assert await recording.export(tmp_path / name) == 0
    if name == "a.parquet":
        assert parquet.read_schema(tmp_path / name).names == COLUMNS
    else:
        assert (tmp_path / name).read_text() in ("", ",".join(COLUMNS) + "\n")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
async def test_pages_and_row_groups_leave_nothing_out(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_store, "PAGE", 10)
    monkeypatch.setattr(_export, "_GROUP", 3)
    async with Recording(tmp_path / "day.sqlite") as recording:
        await recording.add(*(figures(second=n) for n in range(95)))
        assert await recording.export(tmp_path / name) == 95
    if name == "a.parquet":
        file = parquet.ParquetFile(tmp_path / name)
        groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        assert groups == [30, 30, 30, 5]
    else:
        lines = (tmp_path / name).read_text().splitlines()
        assert len(lines) == 95 + (name == "a.csv")


async def test_a_text_of_opends_is_no_formula_in_a_spreadsheet(tmp_path: Path) -> None:
    async with Recording(tmp_path / "day.sqlite") as recording:
        await recording.add(figures(update_time='=HYPERLINK("http://evil")', capital_in_big=-5.0))
        await recording.export(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        (record,) = csv.DictReader(file)
    assert record["update_time"] == '\'=HYPERLINK("http://evil")'
    assert record["capital_in_big"] == "-5.0"


async def test_other_formats_are_a_value_error(tmp_path: Path) -> None:
    async with Recording(tmp_path / "day.sqlite") as recording:
        for call in (("a.xlsx",), ("day.sqlite",), ("a.csv", "xml")):
            with pytest.raises(ValueError, match="exported as csv, jsonl or parquet, not"):
                await recording.export(tmp_path / call[0], *call[1:])


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links and named pipes")
async def test_links_and_pipes_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("file.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    read: list[str] = []

    async def read_pipe() -> None:
        read.append(await anyio.Path(tmp_path / "pipe.csv").read_text())

    async with Recording(tmp_path / "day.sqlite") as recording:
        await recording.add(figures())
        assert await recording.export(tmp_path / "link.csv") == 1
        async with anyio.create_task_group() as group:
            group.start_soon(read_pipe)
            assert await recording.export(tmp_path / "pipe.csv") == 1
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "pipe.csv").is_fifo()
    assert read == [(tmp_path / "file.csv").read_text()]
    assert read[0].startswith("code,time,")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
async def test_what_fails_leaves_no_file_and_the_old_one_as_it_was(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_store, "PAGE", 10)
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / name).write_text("old")
    async with Recording(tmp_path / "day.sqlite") as recording:
        await recording.add(*(figures(second=n) for n in range(95)))
        with pytest.raises(OSError, match="none") as error:
            await recording.export(folder / "none" / name)
        if name != "a.parquet":  # whose error has a text alone
            assert error.value.filename == str(folder / "none" / name)
        with anyio.CancelScope() as scope:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(_store.Store, "page", then(_store.Store.page, scope.cancel))
                await recording.export(folder / name)
        assert scope.cancelled_caught
        assert [path.name for path in folder.iterdir()] == [name]
        assert (folder / name).read_text() == "old"
        await recording.aclose()
        with pytest.raises(RecordingError, match="it is not open"):
            await recording.export(folder / name)
        assert (folder / name).read_text() == "old"
        await recording.open()
        assert await recording.export(folder / name) == 95
    assert [path.name for path in folder.iterdir()] == [name]


def then(method: Callable[..., Any], act: Callable[[], None]) -> Callable[..., Any]:
    """The method, which does something else at its second call too. In a worker thread."""
    calls = 0

    def both(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            anyio.from_thread.run_sync(act)
        return method(*args)

    return both
