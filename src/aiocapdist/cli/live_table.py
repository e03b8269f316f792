"""A watch as a table: what changed is marked, and how old figures are is shown. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from rich.text import Text

from ..models import CapitalDistribution, Change
from .columns import Column, column_lines
from .drawing import DIM, Style, signed
from .escape import one_line
from .formats import SortField
from .language import mark, tr, tr_count
from .options import RankingOptions
from .output import failure_text
from .ranking import figures_columns, rank

FRESH = 5.0
"""Seconds for which a change is marked."""
_UNCHANGED, _FAILED = " ", "!"
WARNING = "bold yellow"
_AGES = (
    (86400, mark("{count:.0f} d")),
    (3600, mark("{count:.0f} h")),
    (60, mark("{count:.0f} min")),
)


class Row(NamedTuple):
    """The latest of one code: its figures, even if a request has failed since then."""

    code: str
    value: CapitalDistribution | None = None
    previous: CapitalDistribution | None = None
    error: str | None = None
    seen_at: datetime | None = None

    def changed(self, change: Change) -> Row:
        """Return the row after a change."""
        if change.value is None:
            return self._replace(error=one_line(failure_text(change)), seen_at=change.seen_at)
        return Row(self.code, change.value, change.previous, None, change.seen_at)

    @property
    def move(self) -> float | None:
        """By how much the main net changed; None if that is not known."""
        if self.value is None or self.previous is None:
            return None
        return self.value.main_net - self.previous.main_net

    def age(self, now: datetime) -> float | None:
        """Return the seconds since the time of the figures; None if it is not known."""
        if self.value is None or self.value.updated_at is None:
            return None
        return (now - self.value.updated_at).total_seconds()


def caption(count: int, every: float, round_time: float | None, now: datetime) -> str:
    """Return how many securities are asked for how often, and the time of the table."""
    text = tr_count(count, "{count} security", "{count} securities")
    text = tr("{securities} every {every:g} s", securities=text, every=every)
    if round_time is not None and round_time > 1.1 * every + 1.0:
        text += tr(" (by the quota {seconds:.0f} s)", seconds=round_time)
    return tr("{securities}, {time} UTC", securities=text, time=f"{now:%H:%M:%S}")


def live_lines(
    rows: Sequence[Row],
    caption: Sequence[Text],
    view: RankingOptions,
    now: datetime,
    size: tuple[int, int],
    style: Style,
) -> list[Text]:
    """Return the caption and the table; ``size`` is its largest width and height.

    Rows that do not fit are counted in the last line.
    """
    width, height = size
    shown = _ranked(rows, view)
    room = max(1, height - len(caption) - 4)  # a blank line, the head, the rule, the last line
    cut = shown[:room] if len(shown) > room + 1 else shown
    lines = column_lines(
        _columns(cut, view.sort or "main_ratio", now, style), cut, width, style.rule
    )
    if len(shown) > len(cut):
        lines.append(Text(tr("and {more} more", more=len(shown) - len(cut)), DIM))
    return [*caption, Text(), *lines]


def format_age(seconds: float | None) -> str:
    """Return an age in one unit, such as ``45 s``, ``12 min`` or ``3 d``; a dash for None."""
    if seconds is None:
        return "-"
    for size, text in _AGES:
        if seconds >= 2 * size:
            return tr(text, count=seconds / size)
    return tr("{count:.0f} s", count=max(0.0, seconds))


def _ranked(rows: Sequence[Row], view: RankingOptions) -> list[Row]:
    """Return the rows to show: in their order, or ranked, those without figures last."""
    if view.sort is None:
        return list(rows[: view.top])
    by_code = {row.code: row for row in rows}
    ranked = rank([row.value for row in rows if row.value is not None], view.sort, view.top)
    without = [row for row in rows if row.value is None]
    return [by_code[each.code] for each in ranked] + without


def _columns(
    rows: Sequence[Row], field: SortField, now: datetime, style: Style
) -> list[Column[Row]]:
    """Return the columns, the most important first."""
    _, share, main_net, *others = figures_columns(
        [row.value for row in rows if row.value is not None], field, style
    )

    def of_row(column: Column[CapitalDistribution], absent: str = "") -> Column[Row]:
        def cell(row: Row) -> Text:
            return Text(absent, DIM) if row.value is None else column.cell(row.value)

        return Column(column.title, cell, column.is_left)

    def code(row: Row) -> Text:
        sign, colour = _sign(row, now, style)
        return Text(f"{sign} ", colour).append(row.code, "bold" if sign.strip() else "not bold")

    return [
        Column("  code", code, is_left=True),
        of_row(share, "-"),
        of_row(main_net, "-"),
        Column("age", lambda row: Text(format_age(row.age(now)))),
        Column("change", lambda row: signed(row.move, style)),
        *map(of_row, others),
    ]


def _sign(row: Row, now: datetime, style: Style) -> tuple[str, str]:
    """Return the mark in front of a code and its colour: which way it moved just now."""
    if row.error is not None:
        return _FAILED, WARNING
    if row.seen_at is None or (now - row.seen_at).total_seconds() > FRESH:
        return _UNCHANGED, ""
    move = row.move or 0.0
    sign = style.rose if move > 0 else style.fell if move < 0 else style.changed
    return sign, style.of(move)
