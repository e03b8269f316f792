"""``aiocapdist flow``: tables, and the same rows for programs."""

from __future__ import annotations

import asyncio
import csv
import json
from datetime import date
from pathlib import Path

import pytest

import aiocapdist
from aiocapdist import CapitalFlow, FlowPoint, Market, Period
from aiocapdist.cli.app import run
from aiocapdist.cli.drawing import make_style
from aiocapdist.cli.flow_output import FLOW_FIELDS
from aiocapdist.cli.flow_table import flow_lines
from aiocapdist.simulator import Simulator

from ..recording.making import at
from .processes import run_here, simulator, start_command
from .terminals import WIDTHS, needs_terminal, terminal

TUESDAY = 1_732_590_000.0  # 2024-11-26, 11:00 in Hong Kong
STYLE = make_style("us", ascii_only=False)


def to(opend: Simulator) -> tuple[str, ...]:
    return ("--address", f"{opend.host}:{opend.port}", "--quota", "none")


def asked(opend: Simulator, period: Period, start: str | None = None) -> CapitalFlow:
    """Return what the library gets."""

    async def ask() -> CapitalFlow:
        async with aiocapdist.connect(opend.host, opend.port) as client:
            return await client.capital_flow("HK.00700", period, start=start)

    return asyncio.run(ask())


def intraday(*amounts: float) -> CapitalFlow:
    points = [
        FlowPoint(at=at(60 * n), day=date(2026, 3, 2), in_flow=amount, big_in_flow=amount / 2)
        for n, amount in enumerate(amounts)
    ]
    return CapitalFlow(
        code="HK.00700", market=Market.HK, period=Period.INTRADAY, points=tuple(points)
    )


# ---- For programs


def test_programs_get_the_rows_of_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    with simulator(now=lambda: TUESDAY) as opend:
        for kind in ("json", "jsonl", "csv"):
            arguments = ("--format", kind, "--start", "2024-11-20")
            assert run(["flow", "HK.00700", *arguments, *to(opend)]) == 0
        flow = asked(opend, Period.DAY, "2024-11-20")
    out = capsys.readouterr().out
    array, _, rest = out.partition("]\n")
    records = json.loads(array + "]")
    lines = rest.splitlines()
    assert records == [json.loads(line) for line in lines[: len(records)]]
    rows = list(csv.DictReader(lines[len(records) :]))
    assert list(rows[0]) == FLOW_FIELDS == list(flow.rows()[0])
    assert len(records) == len(rows) == len(flow.points) > 3
    for record, row, point in zip(records, rows, flow.points, strict=True):
        assert (record["code"], record["market"], record["period"]) == ("HK.00700", "HK", "DAY")
        assert record["in_flow"] == float(row["in_flow"]) == point.in_flow
        assert record["main_in_flow"] == point.main_in_flow
        assert record["day"] == row["day"] == str(point.day)


def test_what_is_absent_is_null_or_empty() -> None:
    with simulator(now=lambda: TUESDAY, super_fields=False) as opend:
        code, out, _ = run_here("flow", "HK.00700", "--last", "2", "--json", *to(opend))
    assert code == 0
    records = json.loads(out)
    assert len(records) == 2
    assert {(record["main_in_flow"], record["super_in_flow"]) for record in records} == {
        (None, None)
    }


def test_a_code_that_fails_is_reported_and_the_others_are_answered() -> None:
    with simulator(language="en") as opend:
        arguments = ("flow", "HK.99999", "HK.00700", "--format", "jsonl", "--last", "1")
        code, out, err = run_here(*arguments, *to(opend))
    failed, answered = map(json.loads, out.splitlines())
    assert code == 1
    assert (failed["code"], failed["error"]["type"]) == ("HK.99999", "UnknownSecurity")
    assert answered["code"] == "HK.00700"
    assert err == "aiocapdist: HK.99999: OpenD answered -1: unknown stock HK.99999\n"


def test_flows_have_a_quota_of_their_own_beside_that_of_get(state_folder: Path) -> None:
    with simulator() as opend:
        address = ("--address", f"{opend.host}:{opend.port}")
        codes = [f"HK.{n:05d}" for n in range(1, 31)]
        assert run(["get", *codes, "--format", "csv", *address]) == 0
        assert run(["flow", *codes, "--format", "csv", *address]) == 0
        assert (opend.largest_window, opend.largest_flow_window) == (30, 30)
        with start_command("flow", "HK.00700", *address) as waiting:
            assert waiting.stderr is not None
            assert waiting.stderr.readline().endswith("s for the quota (30 calls in 30 s)…\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("flow", "no codes given; try: aiocapdist flow HK.00700 --simulate"),
        ("flow HK.00700 --period year", "year"),
        ("flow HK.00700 --start 2026-02-30", "start is a date such as '2025-12-31'"),
        ("flow HK.00700 --start 2026-03-01 --end 2026-02-01", "start is after end"),
        ("flow HK.00700 --period intraday --start 2026-03-01", "not for INTRADAY"),
        ("flow HK.00700 --last 0", "--last"),
        ("flow HK.00700 --json --format csv", "--json and --format csv: leave out one"),
    ],
)
def test_wrong_usage_is_reported(
    capsys: pytest.CaptureFixture[str], arguments: str, text: str
) -> None:
    assert run(arguments.split()) == 2
    out, err = capsys.readouterr()
    assert (out, text in err) == ("", True), err


# ---- Tables


def test_an_intraday_table_says_that_it_is_cumulative() -> None:
    lines = [line.plain for line in flow_lines(intraday(-2e6, 1e6, 3e6), 2, 80, STYLE)]
    assert lines == [
        "HK.00700  in HKD, until 2026-03-02 09:32 Hong Kong",
        "net amounts since the start of the day",
        "▁▅█",
        "",
        "time      net  out | in          big",
        "────────────────────────────────────",
        "09:31  +1.00M        │██       +500K",
        "09:32  +3.00M        │██████  +1.50M",
        "",
    ]


def test_a_flow_without_rows_says_so() -> None:
    *_, words, blank = [line.plain for line in flow_lines(intraday(), None, 80, STYLE)]
    assert (words, blank) == ("no rows yet", "")


def test_a_flat_flow_and_a_single_row_are_drawn() -> None:
    flat = [line.plain for line in flow_lines(intraday(0.0, 0.0), None, 80, STYLE)]
    assert flat[2] == "▅▅"
    assert flat[-2].split() == ["09:31", "0", "│", "0"]
    single = [line.plain for line in flow_lines(intraday(5.0), None, 80, STYLE)]
    assert single[2] == ""


def test_a_table_shows_the_last_twenty_rows_unless_told_otherwise() -> None:
    many = intraday(*map(float, range(1, 40)))
    lines = [line.plain for line in flow_lines(many, None, 80, STYLE)]
    times = [line[:5] for line in lines if line[2:3] == ":"]
    assert (len(times), times[-1]) == (20, "10:08")
    assert len(flow_lines(many, 39, 80, STYLE)) == len(lines) + 19


def test_tables_fit_every_width() -> None:
    flow = intraday(*(1e9 * (-1) ** n for n in range(390)))
    for width in range(30, 201):
        lines = [line.plain for line in flow_lines(flow, None, width, STYLE)]
        assert max(map(len, lines[2:])) <= width
        assert "net" in lines[4]


@needs_terminal
@pytest.mark.parametrize("columns", WIDTHS)
def test_the_table_in_a_terminal(columns: int) -> None:
    with simulator(now=lambda: TUESDAY) as opend:
        arguments = ("flow", "HK.00700", "--last", "5", *to(opend))
        with terminal(*arguments, columns=columns) as shown:
            assert shown.exit_code() == 0
            rows = [line for line in shown.lines if line[2:3] == ":"]
            assert [row[:5] for row in rows] == ["10:56", "10:57", "10:58", "10:59", "11:00"]
            amount = rows[0].split()[1]
            assert shown.colors_of(amount) == {"green" if amount[0] == "+" else "red"}
    assert ("small" in shown.text) is (columns > 40)
