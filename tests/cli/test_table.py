"""The table of one security."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from aiocapdist import CapitalDistribution, Market
from aiocapdist.cli.drawing import CURRENCIES, amount, bar, make_style
from aiocapdist.cli.table import figures_lines

BLOCKS = make_style("us", ascii_only=False)
ASCII = make_style("us", ascii_only=True)
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
TABLE = """\
HK.00700  in HKD, as of 2026-01-02 11:04:05 Hong Kong (03:04:05 UTC)
main net +85.0M HKD, +8.0% of all money moved  (super + big, in less out)

orders   outflow             out | in               inflow       net
────────────────────────────────────────────────────────────────────
super       310M      ▐██████████│██████████████      406M    +96.0M
big        58.0M               ██│█▌                 47.0M    -11.0M
mid         107M             ▐███│██▌                67.0M    -40.0M
small      72.0M              ▐██│▌                   400K    -71.6M

all         547M                                      520M    -26.6M
"""


def rendered(width: int = 80, *, colour: str | None = None, **changes: Any) -> str:
    """Return the table as a file of this width gets it, without trailing blanks."""
    file = io.StringIO()
    system: Any = colour
    console = Console(
        file=file, width=width, highlight=False, color_system=system, force_terminal=bool(colour)
    )
    for line in figures_lines(CapitalDistribution(**{**FIGURES, **changes}), width, BLOCKS):
        console.print(line)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def old_opend(**changes: Any) -> dict[str, Any]:
    return {"capital_in_super": None, "capital_out_super": None, **changes}


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_as_it_should_be(width: int) -> None:
    assert rendered(width) == TABLE + "\n"


@pytest.mark.parametrize("width", range(30, 201, 5))
def test_every_figure_fits_in_any_width(width: int) -> None:
    lines = rendered(width, capital_in_super=1.23456789e12).splitlines()
    assert max(map(len, lines)) <= width
    words = rendered(200, capital_in_super=1.23456789e12).split()
    figures = [word for word in words if word[-1] in "KMBT"]
    assert [word for word in " ".join(lines).split() if word[-1] in "KMBT"] == figures
    grid = lines[lines.index("") + 1 :]
    assert len({line.index(mark) for line in grid for mark in "│" if mark in line}) <= 1


def test_a_narrow_terminal_gets_shorter_bars_and_every_figure() -> None:
    text = rendered(60)
    assert max(map(len, text.splitlines())) <= 60
    lines = [line for line in text.splitlines() if "│" in line]
    assert len({line.index("│") for line in lines}) == 1
    assert "▐███████│██████████" in lines[0]
    wide = TABLE.replace("█", "").replace("▐", "").replace("▌", "").split()
    narrow = text.replace("█", "").replace("▐", "").replace("▌", "").split()
    assert [word for word in narrow if word[0] != "─"] == [w for w in wide if w[0] != "─"]


def test_without_super_orders_the_main_net_says_so() -> None:
    text = rendered(120, **old_opend())
    assert "main net -11.0M HKD, -3.1% of all money moved" in text
    assert "(big, in less out; this OpenD reports no super orders)" in text
    assert [line.split() for line in text.splitlines() if line.startswith("super")] == [
        ["super", "-", "not", "reported", "-", "-"]
    ]


def test_if_no_money_moved_there_is_no_share() -> None:
    nothing: dict[str, Any] = {name: 0.0 for name in FIGURES if name.startswith("capital_")}
    text = rendered(**nothing)
    assert "main net 0 HKD, no money moved  (super + big, in less out)" in text
    assert "█" not in text


def test_inflow_and_outflow_have_colours_on_a_terminal() -> None:
    text = rendered(colour="standard")
    assert "\x1b[31m" in text
    assert "\x1b[1;32m+85.0M HKD\x1b[0m" in text
    assert "\x1b[1;31m-11.0M HKD\x1b[0m" in rendered(colour="standard", **old_opend())


@pytest.mark.parametrize(
    ("colors", "styles"), [("us", {"green"}), ("cn", {"red"}), ("none", set())]
)
def test_colours_of_a_positive_main_net(colors: Any, styles: set[str]) -> None:
    style = make_style(colors, ascii_only=False)
    main_net = figures_lines(CapitalDistribution(**FIGURES), 80, style)[1]
    assert {str(span.style) for span in main_net.spans} & {"red", "green"} == styles


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"market": Market.US, "code": "US.AAPL"},
         "US.AAPL  in USD, as of 2026-01-01 22:04:05 New York (01-02 03:04:05 UTC)"),
        ({"market": Market.CC, "code": "CC.BTC"}, "CC.BTC  as of 2026-01-02 03:04:05 UTC"),
        ({"updated_at": None, "update_time": "2026-01-02 11:04:05"},
         "HK.00700  in HKD, as of 2026-01-02 11:04:05, time zone unknown"),
        ({"updated_at": None}, "HK.00700  in HKD"),
        ({"updated_at": None, "market": Market.FX, "code": "FX.[red]"}, "FX.[red]"),
    ],
)  # fmt: skip
def test_the_title_has_currency_and_time_if_known(changes: dict[str, Any], title: str) -> None:
    assert rendered(**changes).splitlines()[0] == title


def test_a_market_without_one_currency_shows_none() -> None:
    assert "main net +85.0M, +8.0%" in rendered(market=Market.FX)
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
def test_amounts_are_rounded_to_three_digits(value: float, text: str) -> None:
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
def test_a_bar_is_to_scale_and_small_amounts_are_visible(
    outflow: float, inflow: float, text: str
) -> None:
    assert bar(outflow, inflow, 100, 4, BLOCKS).plain == text


def test_a_bar_in_ascii() -> None:
    assert bar(37.5, 12.5, 100, 4, ASCII).plain == "  ##|#   "


def test_a_bar_of_no_amounts_is_empty() -> None:
    assert bar(0, 0, 0, 2, BLOCKS).plain == "  │  "
