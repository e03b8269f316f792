"""What the table looks like."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from aiocapdist import CapitalDistribution, Market
from aiocapdist.cli.bars import ASCII, BLOCKS, Bar
from aiocapdist.cli.table import CURRENCIES, amount, block

FIGURES: dict[str, Any] = {
    "code": "HK.00700",
    "market": Market.HK,
    "capital_in_super": 4.06e8,
    "capital_out_super": 3.1e8,
    "capital_in_big": 4.7e7,
    "capital_out_big": 5.8e7,
    "capital_in_mid": 6.7e7,
    "capital_out_mid": 1.07e8,
    "capital_in_small": 4e5,
    "capital_out_small": 7.2e7,
    "updated_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
}
IN_THE_DOCS = """\
HK.00700  in HKD, as of 2026-01-02 03:04:05 UTC
main net +85.0M HKD, +8.0% of all money moved  (super + big, in less out)

orders   outflow             out | in               inflow       net
────────────────────────────────────────────────────────────────────
super       310M      ▐██████████│██████████████      406M    +96.0M
big        58.0M               ██│█▌                 47.0M    -11.0M
mid         107M             ▐███│██▌                67.0M    -40.0M
small      72.0M              ▐██│▌                   400K    -71.6M

all         547M                                      520M    -26.6M
"""


def shown(width: int = 80, *, colour: str | None = None, **changes: Any) -> str:
    """The block as a file of this width gets it, without blanks at the ends of lines."""
    file = io.StringIO()
    system: Any = colour
    console = Console(
        file=file, width=width, highlight=False, color_system=system, force_terminal=bool(colour)
    )
    console.print(block(CapitalDistribution(**{**FIGURES, **changes})))
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def old_opend(**changes: Any) -> dict[str, Any]:
    return {"capital_in_super": None, "capital_out_super": None, **changes}


@pytest.mark.parametrize("width", [80, 120])
def test_a_block_is_that_of_the_docs(width: int) -> None:
    assert shown(width) == IN_THE_DOCS + "\n"


def test_the_docs_show_the_same_block() -> None:
    page = Path(__file__).parents[2] / "docs" / "cli.md"
    assert f"```text\n{IN_THE_DOCS}```" in page.read_text("utf-8")


def test_a_narrow_terminal_gets_shorter_bars_and_every_figure() -> None:
    text = shown(60)
    assert max(map(len, text.splitlines())) <= 60
    lines = [line for line in text.splitlines() if "│" in line]
    assert len({line.index("│") for line in lines}) == 1
    assert "▐███████│██████████" in lines[0]
    wide = IN_THE_DOCS.replace("█", "").replace("▐", "").replace("▌", "").split()
    narrow = text.replace("█", "").replace("▐", "").replace("▌", "").split()
    assert [word for word in narrow if word[0] != "─"] == [w for w in wide if w[0] != "─"]


def test_an_old_opend_tells_no_super_orders_and_the_main_net_says_so() -> None:
    text = shown(120, **old_opend())
    assert "main net -11.0M HKD, -3.1% of all money moved" in text
    assert "(big, in less out; this OpenD tells no super orders)" in text
    assert [line.split() for line in text.splitlines() if line.startswith("super")] == [
        ["super", "-", "not", "told", "-", "-"]
    ]


def test_nothing_moved_is_no_share() -> None:
    nothing = {name: 0.0 for name in FIGURES if name.startswith("capital_")}
    text = shown(**nothing)
    assert "main net 0 HKD, no money moved  (super + big, in less out)" in text
    assert "█" not in text


def test_direction_needs_no_colour_but_has_it() -> None:
    text = shown(colour="standard")
    assert "\x1b[31m" in text
    assert "\x1b[1;32m+85.0M HKD\x1b[0m" in text
    assert "\x1b[1;31m-11.0M HKD\x1b[0m" in shown(colour="standard", **old_opend())


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"updated_at": None, "update_time": "2026-01-02 11:04:05"},
         "HK.00700  in HKD, as of 2026-01-02 11:04:05, time zone not told"),
        ({"updated_at": None}, "HK.00700  in HKD"),
        ({"updated_at": None, "market": Market.FX, "code": "FX.[red]"}, "FX.[red]"),
    ],
)  # fmt: skip
def test_the_title_says_what_is_known(changes: dict[str, Any], title: str) -> None:
    assert shown(**changes).splitlines()[0] == title


def test_a_market_without_one_currency_names_none() -> None:
    assert "main net +85.0M, +8.0%" in shown(market=Market.FX)
    assert set(Market) - set(CURRENCIES) == {Market.FX, Market.CC, Market.EC}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.4, "0"),
        (0.4, "0"),
        (0.6, "+1"),
        (-789.0, "-789"),
        (999.4, "+999"),
        (999.5, "+1.00K"),
        (9_994.0, "+9.99K"),
        (9_995.0, "+10.0K"),
        (99_949.0, "+99.9K"),
        (99_950.0, "+100K"),
        (999_499.0, "+999K"),
        (999_500.0, "+1.00M"),
        (-1_234_567_890.0, "-1.23B"),
        (5.6e12, "+5.60T"),
        (-9.87e15, "-9870T"),
    ],
)
def test_amounts_are_short_and_rounded_to_three_digits(value: float, text: str) -> None:
    assert amount(value, sign=True) == text
    assert amount(value) == text.removeprefix("+")


@pytest.mark.parametrize(
    ("outflow", "inflow", "text"),
    [
        (100, 100, "████│████"),
        (0, 0, "    │    "),
        (50, 25, "  ██│█   "),
        (37.5, 12.5, "  ▐█│▌   "),
        (0.001, 0, "   ▐│    "),
        (200, -5, "████│    "),
    ],
)
def test_a_bar_is_to_scale_and_what_is_not_nothing_shows(
    outflow: float, inflow: float, text: str
) -> None:
    assert Bar(outflow, inflow, 100).drawn(4, BLOCKS).plain == text


def test_a_bar_without_block_characters() -> None:
    assert Bar(37.5, 12.5, 100).drawn(4, ASCII).plain == "  ##|#   "


def test_nothing_at_all_is_an_empty_bar() -> None:
    assert Bar(0, 0, 0).drawn(2, BLOCKS).plain == "  │  "
