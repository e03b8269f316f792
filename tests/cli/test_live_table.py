"""The table of a watch: marks, ages, what fits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from rich.text import Text

from aiocapdist import CapitalDistribution, Change, UnknownSecurity
from aiocapdist.cli.drawing import make_style
from aiocapdist.cli.live_table import FRESH, Row, caption, format_age, live_lines
from aiocapdist.cli.options import RankingOptions

from ..recording.making import at, figures

STYLE = make_style("us", ascii_only=False)
NOW = at(60)


def change(
    value: CapitalDistribution | None,
    previous: CapitalDistribution | None = None,
    error: Exception | None = None,
    seen_at: datetime = NOW,
) -> Change:
    assert error is None or isinstance(error, UnknownSecurity)
    code = value.code if value is not None else "HK.00700"
    return Change(code, value, previous, error, 0, None, seen_at)


def drawn(
    *rows: Row,
    view: RankingOptions | None = None,
    now: datetime = NOW,
    size: tuple[int, int] = (80, 24),
) -> list[str]:
    view = view or RankingOptions()
    lines = live_lines(rows, [Text("caption")], view, now, size, STYLE)
    return [line.plain for line in lines]


BEFORE = figures(capital_in_big=10.0)
UP, DOWN = figures(capital_in_big=18.0), figures(capital_in_big=2.0)
OTHER = figures(capital_in_big=10.0, capital_in_mid=9.0)


@pytest.mark.parametrize(
    ("value", "mark", "move"), [(UP, "▲", "+8"), (DOWN, "▼", "-8"), (OTHER, "•", "0")]
)
def test_what_changed_is_marked_by_where_the_main_net_went(
    value: CapitalDistribution, mark: str, move: str
) -> None:
    row = Row("HK.00700").changed(change(value, BEFORE))
    line = drawn(row)[-1]
    assert line.startswith(f"{mark} HK.00700 ")
    assert line.split()[6] == move


def test_a_first_answer_is_marked_too_and_each_mark_goes_away() -> None:
    row = Row("HK.00700").changed(change(UP))
    assert drawn(row)[-1].startswith("• HK.00700")
    later = NOW + timedelta(seconds=FRESH + 0.1)
    assert drawn(row, now=later)[-1].startswith("  HK.00700")


def test_ages_are_those_of_the_figures() -> None:
    rows = [Row("HK.00700").changed(change(UP)), Row("HK.00005")]
    *_, first, second = drawn(*rows, now=at(90))
    assert " 90 s " in first
    assert second.split() == ["HK.00005", "-", "-", "-", "-"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (-3.0, "0 s"),
        (0.4, "0 s"),
        (119.0, "119 s"),
        (120.0, "2 min"),
        (7199.0, "120 min"),
        (7200.0, "2 h"),
        (172_800.0, "2 d"),
    ],
)
def test_an_age_has_one_unit(seconds: float | None, text: str) -> None:
    assert format_age(seconds) == text


def test_figures_stay_while_requests_fail() -> None:
    error = UnknownSecurity(-1, "unknown \x1b[31mstock")
    good = Row("HK.00700").changed(change(UP))
    bad = good.changed(change(None, error=error))
    assert bad.value is UP
    assert bad.error is not None
    assert "\x1b" not in bad.error
    assert drawn(bad)[-1].startswith("! HK.00700")
    assert bad.changed(change(UP)).error is None


def test_rows_keep_their_order_or_are_ranked() -> None:
    rows = [
        Row("HK.00001"),
        Row("HK.00002").changed(change(figures("HK.00002", capital_in_big=1.0))),
        Row("HK.00003").changed(change(figures("HK.00003", capital_in_big=9.0))),
    ]

    def order(view: RankingOptions) -> list[str]:
        return [line.split("HK.0000")[1][0] for line in drawn(*rows, view=view)[4:]]

    assert order(RankingOptions()) == ["1", "2", "3"]
    assert order(RankingOptions(sort="main_net")) == ["3", "2", "1"]
    assert order(RankingOptions(sort="main_net", top=1)) == ["3", "1"]
    assert order(RankingOptions(top=2)) == ["1", "2"]


@pytest.mark.parametrize("count", [1, 5, 6, 7, 40])
def test_the_table_fits_its_height(count: int) -> None:
    rows = [Row(f"HK.{n:05d}").changed(change(figures(f"HK.{n:05d}"))) for n in range(count)]
    lines = drawn(*rows, size=(80, 10))
    assert len(lines) <= 10
    shown = sum("HK.0" in line for line in lines)
    assert (lines[-1] == f"and {count - shown} more") is (shown < count)
    assert shown == min(count, 6 if count <= 6 else 5)


@pytest.mark.parametrize("width", range(30, 201))
def test_the_table_fits_its_width(width: int) -> None:
    rows = [Row(code).changed(change(figures(code))) for code in ("HK.00700", "SH.600519")]
    lines = drawn(*rows, size=(width, 24))
    assert max(map(len, lines)) <= width
    assert "main net" in lines[2]
    assert ("age" in lines[2]) is (width >= 35)


def test_a_round_that_the_quota_slows_down_is_told() -> None:
    assert caption(1, 60.0, None, NOW) == "1 security every 60 s, 01:31:00 UTC"
    assert caption(300, 60.0, 60.2, NOW) == "300 securities every 60 s, 01:31:00 UTC"
    slow = "300 securities every 60 s (by the quota 300 s), 01:31:00 UTC"
    assert caption(300, 60.0, 300.4, NOW) == slow


def test_the_table_is_ascii_where_the_terminal_has_no_more() -> None:
    style = make_style("none", ascii_only=True)
    row = Row("HK.00700").changed(change(UP, BEFORE))
    lines = live_lines([row], [], RankingOptions(), datetime.now(UTC), (200, 24), style)
    assert all(line.plain.isascii() for line in lines)
