"""``aiocapdist record``: a watch kept in a database, exports, and ``simulate --replay``."""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import polars
import pytest

from aiocapdist.cli.app import run
from aiocapdist.recording import Recording
from aiocapdist.simulator import Simulator

from ..recording.making import at, figures
from .processes import run_here, simulator, start_command, time_limit_after

TUESDAY = 1_732_590_000.0  # 2024-11-26, 11:00 in Hong Kong
needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


def address(opend: Simulator) -> tuple[str, str]:
    return "--address", f"{opend.host}:{opend.port}"


def moving_clock() -> float:
    """Return a time of trading, later each time: the simulator's figures change."""
    return TUESDAY + next(_ticks) * 20.0


_ticks = itertools.count()


def select(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def recorded(path: Path, *options: str) -> str:
    """Record until there are three rows, and a flow, for each of two codes; return stderr."""
    arguments = ("record", "HK.00700", "00005", "--output", str(path), "--every", "0.05", *options)
    with simulator(now=moving_clock, quota=None) as opend:
        with start_command(*arguments, *address(opend), "--quota", "none") as process:
            assert process.stderr is not None
            err = [process.stderr.readline(), process.stderr.readline()]
            while path_rows(path) < 3 or ("--flows" in options and flows_in(path) < 2):
                assert process.poll() is None
                time.sleep(0.02)  # looking at it without a pause holds up its writing
            process.send_signal(signal.SIGINT)
            out, more = process.communicate()
    assert (process.returncode, out) == (0, "")
    return "".join(err) + more


def path_rows(path: Path) -> int:
    """Return the number of rows of the code that has the fewest."""
    try:
        (least,) = select(
            path,
            "SELECT min(n) FROM (SELECT count(*) AS n FROM capital_distribution GROUP BY code)",
        )[0]
    except sqlite3.OperationalError:  # not made yet
        return 0
    return least if isinstance(least, int) else 0


def flows_in(path: Path) -> int:
    """Return the number of codes that have a flow; path_rows has seen that there are tables."""
    ((count,),) = select(path, "SELECT count(DISTINCT code) FROM capital_flow")
    return int(str(count))


@needs_signals
def test_a_recording_that_was_deleted_meanwhile_is_no_success(tmp_path: Path) -> None:
    """Also if there was nothing to write since: the figures of a closed market do not change."""
    path = tmp_path / "day.sqlite"
    with simulator(now=lambda: TUESDAY) as opend:
        arguments = ("record", "HK.00700", "--output", str(path), *address(opend))
        with start_command(*arguments, "--quota", "none") as process:
            assert process.stderr is not None
            assert "recording to" in process.stderr.readline()
            while path_rows(path) < 1:
                assert process.poll() is None
            for file in tmp_path.iterdir():
                file.unlink(missing_ok=True)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate()
    assert process.returncode == 4
    assert "its file was moved, deleted or replaced" in err
    assert "recorded" not in err


@needs_signals
def test_ctrl_c_ends_a_recording_that_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "day.sqlite"
    took, begun, *_, ended = recorded(path, "--flows").splitlines()
    assert took == "aiocapdist: took '00005' for HK.00005"
    assert begun == f"aiocapdist: recording to {path}; Ctrl-C ends it"
    ((count,),) = select(path, "SELECT count(*) FROM capital_distribution")
    assert ended == f"aiocapdist: recorded {count} snapshots to {path}"
    assert select(path, "PRAGMA integrity_check") == [("ok",)]
    assert select(path, "SELECT DISTINCT code FROM capital_flow ORDER BY code") == [
        ("HK.00005",),
        ("HK.00700",),
    ]
    assert not path.with_name("day.sqlite-wal").exists(), "it was not closed"


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """Return a recording of three times of two codes."""
    path = tmp_path / "day.sqlite"

    async def write() -> None:
        async with Recording(path) as recording:
            for code, minute in itertools.product(("HK.00700", "HK.00005"), range(3)):
                amount = 1e6 / (minute + 3) + len(code)
                made = figures(code, updated_at=at(minute), capital_in_super=amount)
                await recording.add(made)

    asyncio.run(write())
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="needs /dev/stdout")
def test_an_export_to_standard_output(day: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for dash in ("-", "/dev/stdout"):
        assert run(["record", "--export", str(day), "--output", dash, "--format", "csv"]) == 0
        out, err = capfd.readouterr()
        assert err == f"aiocapdist: {len(out.splitlines()) - 1} rows exported to '/dev/stdout'\n"
        assert out.startswith("code,time,")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_an_export_is_exact(day: Path, tmp_path: Path, kind: str) -> None:
    path, target = day, tmp_path / "out"
    options = ("--output", str(target), "--format", kind)
    code, out, err = run_here("record", "HK.00700", "--export", str(path), *options)
    expected = select(
        path,
        "SELECT time, capital_in_super, capital_out_small FROM capital_distribution "
        "WHERE code = 'HK.00700' ORDER BY time",
    )
    assert (code, out) == (0, "")
    assert err == f"aiocapdist: {len(expected)} rows exported to {str(target)!r}\n"
    if kind == "parquet":
        frame = polars.read_parquet(target)
        got = [
            (row["time"].timestamp() * 1e6, row["capital_in_super"], row["capital_out_small"])
            for row in frame.iter_rows(named=True)
        ]
        assert got == expected
        return
    text = target.read_text("utf-8").splitlines()
    records = list(csv.DictReader(text)) if kind == "csv" else list(map(json.loads, text))
    amounts = [(float(row["capital_in_super"]), float(row["capital_out_small"])) for row in records]
    assert amounts == [row[1:] for row in expected]


def test_a_range_of_time_is_exported(
    day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.jsonl"
    span = ("--since", f"{at(1):%Y-%m-%d %H:%M:%S}", "--until", at(2).isoformat())
    assert run(["record", "--export", str(day), "--output", str(target), *span]) == 0
    records = list(map(json.loads, target.read_text("utf-8").splitlines()))
    assert [record["code"] for record in records] == ["HK.00005", "HK.00700"]
    assert capsys.readouterr().err.startswith("aiocapdist: 2 rows exported to ")


@pytest.mark.parametrize(("start", "minute"), [((), 0), (("--start", "2100-01-01"), 2)])
def test_a_recording_is_played_to_any_client(
    day: Path, start: tuple[str, ...], minute: int
) -> None:
    replay = ("simulate", "--port", "0", "--replay", str(day), "--speed", "0.01", *start)
    with start_command(*replay) as opend:
        assert opend.stdout is not None
        where = opend.stdout.readline().split()[3].rstrip(";")
        code, out, _ = run_here("get", "HK.00700", "HK.00001", "--json", "--address", where)
    known, unknown = json.loads(out)
    assert known["capital_in_super"] == 1e6 / (minute + 3) + 8
    assert unknown["error"]["type"] == "UnknownSecurity"
    assert code == 1


def test_an_export_in_another_format_is_wrong_usage(
    day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "a.txt"
    assert run(["record", "--export", str(day), "--output", str(target)]) == 2
    assert "csv, jsonl or parquet, not 'a.txt'" in capsys.readouterr().err
    assert not target.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ("record HK.00700", 2, "no output file; try: --output day.sqlite"),
        ("record --export day.sqlite", 2, "no output file; try: --output day.parquet"),
        ("record --output {tmp}/a", 2, "no codes given; try: aiocapdist record HK.00700"),
        ("record HK.O0700 --output {tmp}/a", 2, "try 'HK.00700'"),
        ("record HK.00700 --output mysql://host/name", 2, "the URL's driver is 'mysql'"),
        ("record HK.00700 --output {tmp}/a --since 2026-01-01", 2, "are for --export"),
        ("record HK.00700 --output {tmp}/a --every 0", 2, "--every"),
        ("record --export {tmp}/a --output {tmp}/a.csv", 3, "there is no recording yet"),
        ("record HK.00700 --simulate --output {tmp}", 4, "cannot be used"),
        ("simulate --speed 2", 2, "--speed, --start and --nights are for --replay"),
        ("simulate --replay {tmp}/a --port 0", 3, "there is no recording yet"),
        ("simulate --replay {tmp}/a --start soon", 2, "--start is a time such as"),
    ],
)
def test_wrong_usage_is_reported_and_makes_no_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: str, code: int, text: str
) -> None:
    assert run(arguments.format(tmp=tmp_path).split()) == code
    out, err = capsys.readouterr()
    assert (out, text in err) == ("", True), err
    assert [each for each in tmp_path.iterdir() if each.name != "state"] == []


def test_the_time_limit_ends_a_recording(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "day.sqlite"
    with simulator() as opend, time_limit_after(2):
        options = ("--output", str(path), "--timeout", "1.5")
        assert run(["record", "HK.00700", "HK.99999", *options, *address(opend)]) == 0
    _, failed, ended = capsys.readouterr().err.splitlines()
    assert failed.startswith("aiocapdist: HK.99999: OpenD answered -1: ")
    assert ended == f"aiocapdist: recorded 1 snapshot to {path}"


def test_a_full_disk_is_exit_code_4(capsys: pytest.CaptureFixture[str]) -> None:
    with simulator() as opend:
        code = run(["record", "HK.00700", "--output", "/proc/day.sqlite", *address(opend)])
    assert code == 4
    assert "cannot be used" in capsys.readouterr().err
