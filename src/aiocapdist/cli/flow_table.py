"""A capital flow as a table. Pure: a model in, lines of rich's text out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text

from ..models import CapitalFlow, FlowPoint, Period
from .columns import Column, column_lines
from .drawing import CURRENCIES, DIM, Style, bar, market_time, place, signed, title
from .escape import one_line
from .language import mark, tr

DEFAULT_ROWS = 20
"""Number of rows that are shown unless an option says otherwise: the last ones."""
_BAR_SIDE = 6
_WORDS = {
    Period.INTRADAY: mark("net amounts since the start of the day"),
    Period.DAY: mark("net amounts of each day"),
    Period.WEEK: mark("net amounts of each week"),
    Period.MONTH: mark("net amounts of each month"),
}


def flow_lines(flow: CapitalFlow, last: int | None, width: int, style: Style) -> list[Text]:
    """Return a title, the course of all rows in one line, and a line for each of the last rows."""
    head = [_title(flow), Text(tr(_WORDS[flow.period]))]
    if not flow.points:
        return [*head, Text(tr("no rows yet"), DIM), Text()]
    shown = flow.points[-(last or DEFAULT_ROWS) :]
    if len(flow.points) > 1:
        head.append(_course([point.in_flow for point in flow.points], width, style))
    rows = column_lines(_columns(flow, shown, style), shown, width, style.rule)
    return [*head, Text(), *rows, Text()]


def _title(flow: CapitalFlow) -> Text:
    notes = (
        [tr("in {currency}", currency=CURRENCIES[flow.market])] if flow.market in CURRENCIES else []
    )
    if flow.points:
        final = flow.points[-1]
        local = market_time(flow.market, final.at)
        if flow.period is not Period.INTRADAY and final.day is not None:
            notes.append(tr("until {time}", time=final.day))
        elif local is not None:
            time = f"{local:%Y-%m-%d %H:%M} {place(flow.market)}"
            notes.append(tr("until {time}", time=time))
    return title(flow.code, notes)


def _columns(
    flow: CapitalFlow, points: Sequence[FlowPoint], style: Style
) -> list[Column[FlowPoint]]:
    """Return the columns, the most important first; without those that no row has."""
    largest = max(abs(point.in_flow) for point in points)

    def time(point: FlowPoint) -> Text:
        local = market_time(flow.market, point.at)
        if flow.period is not Period.INTRADAY:
            return Text(str(point.day or "-"))
        return Text(f"{local:%H:%M}" if local is not None else one_line(point.time or "-"))

    def net(name: str) -> Callable[[FlowPoint], Text]:
        return lambda point: signed(getattr(point, name), style)

    def in_flow_bar(point: FlowPoint) -> Text:
        value = point.in_flow
        return bar(max(0.0, -value), max(0.0, value), largest, _BAR_SIDE, style)

    amounts = {
        "main_in_flow": mark("main"),
        "super_in_flow": mark("super"),
        "big_in_flow": mark("big"),
        "mid_in_flow": mark("mid"),
        "sml_in_flow": mark("small"),
    }
    return [
        Column(mark("time") if flow.period is Period.INTRADAY else mark("day"), time, is_left=True),
        Column("net", net("in_flow")),
        Column("out | in", in_flow_bar, is_left=True),
        *(
            Column(title, net(name))
            for name, title in amounts.items()
            if any(getattr(point, name) is not None for point in points)
        ),
    ]


def _course(values: Sequence[float], width: int, style: Style) -> Text:
    """Return values as a line of small columns, each the last value of its part of the time."""
    cells = min(width, len(values), 78)
    picked = [values[(i + 1) * len(values) // cells - 1] for i in range(cells)]
    low, high = min(picked), max(picked)
    steps = style.steps
    text = Text(no_wrap=True)
    for value in picked:
        level = (value - low) / (high - low) if high > low else 0.5
        text.append(steps[min(len(steps) - 1, int(level * len(steps)))], style.of(value))
    return text
