"""Many codes as one ranked line each."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

import pytest

from aiocapdist import CapitalDistribution, Market
from aiocapdist.cli.app import run
from aiocapdist.cli.drawing import make_style
from aiocapdist.cli.ranking import rank, ranking_lines

from .processes import simulator, start_command
from .test_table import FIGURES

STYLE = make_style("us", ascii_only=False)
TUESDAY = 1_732_590_000.0  # 2024-11-26, 11:00 in Hong Kong
CODES = ["HK.00700", "US.AAPL", "SH.600519", "HK.00005", "SZ.000001"]


def security(code: str, inflow: float, **changes: Any) -> CapitalDistribution:
    market = Market[code.partition(".")[0]]
    return CapitalDistribution(
        **{**FIGURES, "code": code, "market": market, "capital_in_big": inflow, **changes}
    )


FEW = [security("HK.00001", 1e6), security("US.A", 9e9), security("HK.00002", 3e8)]


def codes(figures: list[CapitalDistribution]) -> list[str]:
    return [each.code for each in figures]


def test_the_largest_share_comes_first() -> None:
    assert codes(rank(FEW, "main_ratio", None)) == ["US.A", "HK.00002", "HK.00001"]
    assert codes(rank(FEW, "main_ratio", 1)) == ["US.A"]


def test_amounts_of_different_currencies_are_not_compared() -> None:
    assert codes(rank(FEW, "main_net", None)) == ["HK.00002", "HK.00001", "US.A"]
    assert codes(rank(FEW, "main_net", 1)) == ["HK.00002", "US.A"], "top counts in each currency"


def test_absent_values_come_last_and_codes_are_sorted_by_the_alphabet() -> None:
    absent = security("HK.00003", 1e9, capital_in_super=None, capital_out_super=None)
    assert codes(rank([absent, *FEW[::2]], "net_super", None))[-1] == "HK.00003"
    assert codes(rank(FEW, "code", None)) == ["HK.00001", "HK.00002", "US.A"]


@pytest.mark.parametrize("width", range(30, 201, 10))
def test_lines_fit_in_any_width_and_have_the_most_important_columns(width: int) -> None:
    lines = [line.plain for line in ranking_lines(FEW, "main_ratio", width, STYLE)[2:]]
    assert max(map(len, lines)) <= width
    head, _, *rows = lines
    assert head.split()[:3] == ["code", "main", "main"]
    assert [row.split()[0] for row in rows] == ["HK.00001", "US.A", "HK.00002"]
    assert all(row.split()[1].endswith("%") for row in rows)
    if width >= 110:
        assert rows[0].endswith("01-02 11:04:05"), "the market's own time"


def test_the_sorted_amount_is_shown() -> None:
    head = ranking_lines(FEW, "capital_in", 40, STYLE)[2].plain
    assert head.split() == ["code", "main", "main", "net", "inflow"]


def test_the_caption_says_how_old_the_figures_are() -> None:
    caption = ranking_lines(FEW, "main_ratio", 80, STYLE)[0].plain
    assert caption == "3 securities by main ratio, as of 2026-01-02 03:04:05 UTC"


def test_more_than_three_codes_are_ranked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["get", *CODES, "--simulate"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("5 securities by main ratio, as of ")
    shares = [float(line.split()[1].rstrip("%")) for line in out.splitlines()[4:]]
    assert len(shares) == 5
    assert shares == sorted(shares, reverse=True)


def test_detail_gives_a_table_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["get", *CODES, "--simulate", "--detail"]) == 0
    assert capsys.readouterr().out.count("main net ") == 5


def test_sort_and_top_rank_few_codes_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["get", *CODES[:2], "--simulate", "--sort", "main_net", "--top", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("2 securities by main net, as of ")
    assert run(["get", *CODES, "--simulate", "--top", "2"]) == 0
    assert capsys.readouterr().out.startswith("2 securities by main ratio, as of ")


def test_if_all_fail_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["get", "HK.99999", "--simulate", "--top", "1"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("arguments", "columns", "colors"),
    [
        *((CODES, *each) for each in ((40, "us"), (80, "cn"), (80, "none"), (160, "us"))),
        *((CODES[:1], *each) for each in ((40, "us"), (80, "cn"))),
    ],
)
def test_on_a_terminal_of_any_width(arguments: list[str], columns: int, colors: str) -> None:
    leader, follower = os.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)}
    with simulator(now=lambda: TUESDAY) as opend:
        where = ("--address", f"{opend.host}:{opend.port}", "--quota", "none")
        command = ("get", *arguments, *where, "--colors", colors)
        with start_command(*command, stdout=follower, env=environment) as process:
            os.close(follower)
            shown = b""
            try:
                while more := os.read(leader, 65536):
                    shown += more
            except OSError:
                pass  # how Linux reports that the other end is closed
            assert process.wait() == 0
    os.close(leader)
    text = shown.decode()
    assert ("\x1b[" in text) is (colors != "none")
    plain = [strip_colours(line) for line in text.replace("\r", "").splitlines()]
    assert max(map(len, plain)) <= columns
    if colors != "none":
        positive = next(line for line in text.splitlines() if re.search(r"\+\d", line))
        code = {"us": "32", "cn": "31"}[colors]
        assert f"\x1b[{code}m+" in positive or f"\x1b[1;{code}m+" in positive


def strip_colours(line: str) -> str:
    from rich.text import Text

    return Text.from_ansi(line).plain
