"""Models in notebooks: small HTML tables, in which no text from elsewhere is anything but text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocapdist import (
    CapitalDistribution,
    CapitalFlow,
    FlowPoint,
    Market,
    OpenDError,
    Period,
    RoundTrip,
    Status,
    SweepResult,
)
from aiocapdist.models._html import LONGEST_TEXT, MOST_ROWS

AT = datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
ALLOWED = {"table", "caption", "thead", "tbody", "tr", "th", "td", "div"}
HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</td></table><style>*{display:none}</style>",
    "&lt;b&gt;",
    "javascript:alert(1)",
    "\x1b[2J\x07\x9b31m",
    "\u202egnirts\u2066",
    "\ud800",
    "x" * 20_000,
]


class Reader(HTMLParser):
    """Collects the tags, attributes and cells of a table, and checks that tags are balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.styles: list[str] = []
        self.text = ""
        self.rows: list[list[str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.styles += [value or "" for name, value in attrs if name == "style"]
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def read(model: Any) -> Reader:
    """The table of a model, which must be nothing but a plain one."""
    html = model._repr_html_()
    reader = Reader(html)
    assert reader.tags <= ALLOWED
    assert reader.attributes <= {"style", "colspan", "aria-hidden"}
    assert not any(word in style for style in reader.styles for word in ("url", "expression", "@"))
    assert all(ch.isprintable() for ch in html)
    html.encode()
    return reader


def figures(**more: Any) -> CapitalDistribution:
    given: dict[str, Any] = {
        "code": "HK.00700",
        "market": Market.HK,
        "updated_at": AT,
        "capital_in_super": 1000.0,
        "capital_out_super": 500.125,
        "capital_in_big": 200.0,
        "capital_out_big": 1234567.0,
        "capital_in_mid": 30.0,
        "capital_out_mid": 7.0,
        "capital_in_small": 0.0,
        "capital_out_small": 0.5,
    }
    return CapitalDistribution.model_validate({**given, **more})


def flow(points: int, period: Period = Period.INTRADAY) -> CapitalFlow:
    rows = tuple(
        FlowPoint(time=f"row {n}", day=date(2025, 10, 9), in_flow=(-1.0) ** n * n)
        for n in range(points)
    )
    return CapitalFlow(code="HK.00700", market=Market.HK, period=period, points=rows)


def status(**more: Any) -> Status:
    given: dict[str, Any] = dict.fromkeys(Status.model_fields)
    given |= {"state": "ready", "transport": "tcp", "encrypted": False}
    given |= {"reconnects": 0, "calls": 7, "late_replies": 0}
    return Status.model_validate({**given, **more})


def test_figures_are_a_table_of_tiers() -> None:
    table = read(figures())
    assert table.text.startswith("HK.00700, 2025-10-09 08:53:20+00:00")
    assert [row[:4] for row in table.rows] == [
        ["", "in", "out", "net"],
        ["super", "1,000", "500.125", "499.875"],
        ["big", "200", "1,234,567", "-1,234,367"],
        ["mid", "30", "7", "23"],
        ["small", "0", "0.5", "-0.5"],
        ["total", "1,230", "1,235,074.625", "-1,233,844.625"],
        ["main", "", "", "-1,233,867.125"],
    ]


def test_bars_are_as_long_as_their_amounts() -> None:
    html = figures()._repr_html_()
    assert "margin-left:auto;width:100.0%" in html, "the largest, an outflow"
    assert "width:0.0%" in html
    empty = {name: 0.0 for name in CapitalDistribution.model_fields if name.startswith("capital")}
    assert "width" not in figures(**empty)._repr_html_()


def test_what_is_absent_is_an_empty_cell() -> None:
    table = read(figures(capital_in_super=None, capital_out_super=None, updated_at=None))
    assert table.rows[1] == ["super", "", "", "", ""]
    assert table.text.startswith("HK.00700, time not known")
    assert read(figures(updated_at=None, update_time="16:00")).text.startswith("HK.00700, 16:00")


def test_a_result_has_a_row_for_each_code_and_error() -> None:
    error = OpenDError(-1, "no <b>rights</b>", 0, "US.AAPL")
    table = read(SweepResult({"HK.00700": figures()}, {"US.AAPL": error}))
    assert table.text.startswith("securities: 1, errors: 1")
    assert table.rows[1][:3] == ["HK.00700", "-1,233,844.625", "-1,233,867.125"]
    assert table.rows[1][3] == "-99.8%"
    assert table.rows[2] == ["US.AAPL", f"OpenDError: {error}"]


def test_a_long_result_is_cut() -> None:
    values = {f"HK.{n:05d}": figures(code=f"HK.{n:05d}") for n in range(MOST_ROWS + 3)}
    table = read(SweepResult(values, {}))
    assert len(table.rows) == MOST_ROWS + 1
    assert "3 rows are not shown" in table.text
    assert len(SweepResult(values, {})._repr_html_()) < 60_000


def test_a_flow_shows_its_last_rows() -> None:
    table = read(flow(390))
    assert table.text.startswith("HK.00700, intraday, cumulative: 390 rows, the last 10")
    assert [row[0] for row in table.rows[1:]] == [f"row {n}" for n in range(380, 390)]
    assert table.rows[-1][1] == "-389"
    assert read(flow(2, Period.DAY)).text.startswith("HK.00700, day: 2 rowstime")
    assert read(flow(0)).rows == [["time", "net", "", "super", "big", "mid", "small"]]


def test_a_status_shows_its_fields() -> None:
    trip = RoundTrip(median=0.0123456789, p90=1.0, p99=2.0, largest=3.0)
    table = read(status(server_version="10.11", round_trip=trip))
    assert ["round_trip.median", "0.0123457"] in table.rows
    assert table.text.startswith("client: ready")
    assert ["server_version", "10.11"] in table.rows
    assert ["conn_id", ""] in table.rows


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
def test_hostile_texts_stay_texts(text: str) -> None:
    point = FlowPoint(time=text, in_flow=1.0)
    made = figures(code=text, update_time=text, updated_at=None)
    models = [
        made,
        SweepResult({text: made}, {text: OpenDError(-1, text, 0, text)}),
        CapitalFlow(code=text, market=Market.HK, period=Period.DAY, points=(point,)),
        status(transport=text, server_version=text),
    ]
    for model in models:
        table = read(model)
        shown = "".join(ch if ch.isprintable() else ascii(ch)[1:-1] for ch in text[:LONGEST_TEXT])
        assert shown in table.text
        assert len(table.text) < 3000


@given(st.text())
def test_any_text_is_shown_as_text(text: str) -> None:
    read(figures(update_time=text, updated_at=None))


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_any_amounts_have_bars_within_their_cells(inflow: float, outflow: float) -> None:
    html = read(figures(capital_in_big=inflow, capital_out_mid=outflow))
    widths = [style for style in html.styles if "height:100%" in style]
    for style in widths:
        assert 0 <= float(style.partition("width:")[2].partition("%")[0]) <= 100
