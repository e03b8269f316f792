"""``aiocapdist watch`` as users run it: in a terminal, and for programs."""

from __future__ import annotations

import csv
import itertools
import json
import select
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from aiocapdist.cli.app import run
from aiocapdist.simulator import Simulator

from ..support.ports import kept_port
from .processes import run_here, simulator, start_command, time_limit_after
from .terminals import WIDTHS, needs_terminal, terminal

TUESDAY = 1_732_590_000.0  # 2024-11-26, 11:00 in Hong Kong
CODES = ("HK.00700", "00005")
_ticks = itertools.count()


def moving_clock() -> float:
    """Return a time of trading, later each time: the simulator's figures change."""
    return TUESDAY + next(_ticks) * 20.0


def to(opend: Simulator) -> tuple[str, ...]:
    return ("--address", f"{opend.host}:{opend.port}", "--quota", "none")


# ---- For programs


def test_programs_get_a_line_for_each_change(tmp_path: Path) -> None:
    with simulator(now=moving_clock, quota=None) as opend:
        with start_command("watch", *CODES, "--every", "0.05", *to(opend)) as process:
            assert process.stdout is not None
            records = [json.loads(process.stdout.readline()) for _ in range(6)]
            process.send_signal(signal.SIGINT)
            _, err = process.communicate()
    assert process.returncode == 130
    assert err.splitlines() == [
        "aiocapdist: took '00005' for HK.00005",
        "aiocapdist: interrupted",
    ]
    assert {record["code"] for record in records} == {"HK.00700", "HK.00005"}
    first, *later = (record for record in records if record["code"] == "HK.00700")
    assert first["seen_at"].endswith("Z")
    assert all(record["updated_at"] > first["updated_at"] for record in later)
    assert later


def test_errors_are_records_and_messages() -> None:
    with simulator(language="en") as opend, time_limit_after(1):
        code, out, err = run_here("watch", "HK.99999", *to(opend), "--timeout", "1", "--json")
    assert code == 0
    (record,) = map(json.loads, out.splitlines())
    assert (record["code"], record["error"]["type"]) == ("HK.99999", "UnknownSecurity")
    assert err == "aiocapdist: HK.99999: OpenD answered -1: unknown stock HK.99999\n"


def test_csv_goes_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "changes.csv"
    options = ("--timeout", "1", "--format", "csv", "--output", str(path))
    with simulator() as opend, time_limit_after(2):
        assert run(["watch", *CODES, *options, *to(opend)]) == 0
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert sorted(row["code"] for row in rows) == ["HK.00005", "HK.00700"]
    assert all(row["skipped"] == "0" and row["seen_at"].endswith("Z") for row in rows)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("watch", "no codes given; try: aiocapdist watch HK.00700 --simulate"),
        ("watch HK.O0700", "try 'HK.00700'"),
        ("watch HK.00700 --every 0", "--every"),
        ("watch HK.00700 --format table", "a live table needs a terminal"),
        ("watch HK.00700 --json --format csv", "--json and --format csv: leave out one"),
    ],
)
def test_wrong_usage_is_reported(
    capsys: pytest.CaptureFixture[str], arguments: str, text: str
) -> None:
    assert run(arguments.split()) == 2
    out, err = capsys.readouterr()
    assert (out, text in err) == ("", True), err


# ---- In a terminal


@needs_terminal
@pytest.mark.parametrize("columns", WIDTHS)
def test_a_terminal_shows_a_table_that_changes(columns: int) -> None:
    with simulator(now=moving_clock, quota=None) as opend:
        arguments = ("watch", *CODES, "--every", "0.2", *to(opend))
        with terminal(*arguments, columns=columns) as shown:
            shown.wait_for(lambda text: text.count("%") == 2 and ("▲" in text or "▼" in text))
            assert "2 securities every 0.2 s" in shown.text
            (row,) = [line for line in shown.lines if "HK.00700" in line]
            before = row
            shown.wait_for(lambda text: text.count("%") == 2 and before not in text)
            shown.press_ctrl_c()
            assert shown.exit_code() == 130
    rows = [line for line in shown.lines if line[2:].startswith("HK.")]
    assert [row[2:10] for row in rows] == ["HK.00700", "HK.00005"]
    assert max(map(len, shown.lines)) <= columns
    assert any(line.split() == ["aiocapdist:", "interrupted"] for line in shown.lines)
    assert shown.written.rfind(b"\x1b[?25h") > shown.written.rfind(b"\x1b[?25l"), "no cursor"
    assert shown.text.count("HK.00005") == 2, "the message, and one row"


@needs_terminal
@pytest.mark.parametrize(
    ("options", "inflow"),
    [((), "green"), (("--colors", "cn"), "red"), (("--colors", "none"), "default")],
)
def test_colours_of_inflow(options: tuple[str, ...], inflow: str) -> None:
    with simulator(now=lambda: TUESDAY, seed=3) as opend:
        with terminal("watch", "HK.00700", *options, *to(opend)) as shown:
            shown.wait_for(lambda text: "%" in text)
            (row,) = [line for line in shown.lines if "HK.00700" in line]
            share = row.split()[2]
            other = {"green": "red", "red": "green", "default": "default"}
            assert shown.colors_of(share) == {inflow if share[0] == "+" else other[inflow]}


@needs_terminal
def test_no_color_is_respected() -> None:
    with simulator() as opend:
        with terminal("watch", "HK.00700", *to(opend), NO_COLOR="1") as shown:
            shown.wait_for(lambda text: "%" in text)
            shown.press_ctrl_c()
            assert shown.exit_code() == 130
    assert b"\x1b[31m" not in shown.written
    assert b"\x1b[32m" not in shown.written


@needs_terminal
def test_a_lost_connection_is_shown_and_the_figures_stay() -> None:
    lost = "no connection to OpenD, trying again"
    with kept_port() as port, ExitStack() as stack:
        opend = stack.enter_context(simulator(port=port))
        with terminal("watch", "HK.00700", "--every", "1", *to(opend)) as shown:
            shown.wait_for(lambda text: "%" in text)
            assert lost not in shown.text
            stack.close()
            shown.wait_for(lambda text: lost in text and "%" in text)  # drawn to its end
            assert "aiocapdist: connection to OpenD lost" in shown.text
            (row,) = [line for line in shown.lines if line[2:].startswith("HK.00700")]
            assert "%" in row
            with simulator(port=port):
                shown.wait_for(lambda text: "connected to OpenD again" in text)
                shown.wait_for(lambda text: lost not in text)
            shown.press_ctrl_c()
            assert shown.exit_code() == 130


@needs_terminal
def test_more_codes_than_lines_are_counted() -> None:
    codes = [f"HK.{n:05d}" for n in range(1, 26)]
    with simulator() as opend:
        with terminal("watch", *codes, "--sort", "code", *to(opend), lines=12) as shown:
            shown.wait_for(lambda text: "and 18 more" in text and text.count("%") == 7)
            assert [line[2:10] for line in shown.lines if "%" in line] == codes[:7]


@needs_terminal
def test_a_terminal_that_cannot_redraw_gets_lines() -> None:
    with simulator() as opend:
        with terminal("watch", "HK.00700", *to(opend), TERM="dumb", columns=160) as shown:
            shown.wait_for(lambda text: '"code": "HK.00700"' in text)


@pytest.mark.skipif(not hasattr(select, "poll"), reason="needs poll")
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_it_ends_when_nobody_reads_any_more_though_nothing_changes(kind: str) -> None:
    with simulator(now=lambda: 1.7e9) as opend:
        with start_command("watch", "HK.00700", "--format", kind, *to(opend)) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            while "HK.00700" not in process.stdout.readline():
                assert process.poll() is None
            process.stdout.close()
            assert process.stderr.readline() == (
                "aiocapdist: cannot write the output: its reader closed the pipe\n"
            )
            assert process.wait() == 4
