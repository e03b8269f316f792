"""One security's figures as a table. Pure: a model in, lines of rich's text out."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from ..models import CapitalDistribution
from .drawing import (
    CURRENCIES,
    DIM,
    Style,
    amount,
    bar,
    market_time,
    place,
    signed,
    title,
)
from .escape import one_line
from .language import tr

MIN_BAR, MAX_BAR = 4, 14
"""Least and most cells of a bar on each side of its middle."""
_AMOUNT_WIDTH = 7


class Flow(NamedTuple):
    """Money moved by one size of order."""

    name: str
    outflow: float | None
    inflow: float | None
    net: float | None


def figures_lines(figures: CapitalDistribution, width: int, style: Style) -> list[Text]:
    """Return the lines of one table: title, main net, a line per size of order, totals."""
    head = [_title(figures), _main_net(figures, style), Text()]
    return [*head, *_grid(figures, width, style), Text()]


def _title(figures: CapitalDistribution) -> Text:
    notes = []
    if figures.market in CURRENCIES:
        notes.append(tr("in {currency}", currency=CURRENCIES[figures.market]))
    if figures.updated_at is not None:
        notes.append(tr("as of {time}", time=_time(figures)))
    elif figures.update_time:
        time = one_line(figures.update_time)
        notes.append(tr("as of {time}, time zone unknown", time=time))
    return title(figures.code, notes)


def _time(figures: CapitalDistribution) -> str:
    """The market's own time, and beside it UTC: its date only if it is another."""
    assert figures.updated_at is not None
    utc, local = figures.updated_at, market_time(figures.market, figures.updated_at)
    if local is None:
        return f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    beside = f"{utc:%H:%M:%S} UTC" if local.date() == utc.date() else f"{utc:%m-%d %H:%M:%S} UTC"
    return f"{local:%Y-%m-%d %H:%M:%S} {place(figures.market)} ({beside})"


def _main_net(figures: CapitalDistribution, style: Style) -> Text:
    """The main net, with what it is the sum of and its share of all money moved."""
    colour = style.of(figures.main_net)
    text = Text(tr("main net "), style="bold")
    currency = CURRENCIES.get(figures.market, "")
    text.append(f"{amount(figures.main_net, sign=True)} {currency}".rstrip(), colour)
    if figures.main_ratio is None:
        text.append(tr(", no money moved"))
    else:
        before, _, after = tr(", {ratio} of all money moved").partition("{ratio}")
        text.append(before).append(f"{figures.main_ratio:+.1%}", colour).append(after)
    if figures.net_super is None:
        terms = tr("  (big, in less out; this OpenD reports no super orders)")
    else:
        terms = tr("  (super + big, in less out)")
    return text.append(terms, "not bold")


def _grid(figures: CapitalDistribution, width: int, style: Style) -> list[Text]:
    """Columns: name, outflow, bar, inflow, net. The bar takes the width that is left."""
    flows = _flows(figures)
    total = Flow(tr("all"), figures.capital_out, figures.capital_in, figures.net)
    names = max(
        cell_len(name) for name in (tr("orders"), total.name, *(flow.name for flow in flows))
    )
    numbers = [
        _unsigned(value) for flow in (*flows, total) for value in (flow.outflow, flow.inflow)
    ]
    amounts = max(_AMOUNT_WIDTH, *map(cell_len, numbers))
    nets = max(_AMOUNT_WIDTH, *(signed(flow.net, style).cell_len for flow in (*flows, total)))
    side, gap = _bar_and_gap(width, names + 2 * amounts + nets)
    largest = max(max(flow.outflow or 0.0, flow.inflow or 0.0) for flow in flows)

    def row(name: str, outflow: str, middle: Text, inflow: str, net: Text) -> Text:
        line = Text(set_cell_size(name, names), no_wrap=True)
        line.append(gap).append(_right(outflow, amounts)).append(gap)
        if side:
            line.append(middle).append(gap)
        line.append(_right(inflow, amounts)).append(gap)
        return line.append(" " * (nets - net.cell_len)).append(net)

    def centred(text: str, colour: str = "") -> Text:
        middle = Text(text, colour)
        middle.align("center", 2 * side + 1)
        return middle

    def flow_row(flow: Flow) -> Text:
        if flow.outflow is None or flow.inflow is None:
            middle = centred(tr("not reported"), DIM)
        else:
            middle = bar(flow.outflow, flow.inflow, largest, side, style)
        net = signed(flow.net, style)
        return row(flow.name, _unsigned(flow.outflow), middle, _unsigned(flow.inflow), net)

    head = row(tr("orders"), tr("outflow"), centred(tr("out | in")), tr("inflow"), Text(tr("net")))
    rule = Text(style.rule * head.cell_len)
    head.stylize("bold")
    net = signed(total.net, style)
    totals = row(total.name, _unsigned(total.outflow), centred(""), _unsigned(total.inflow), net)
    return [head, rule, *map(flow_row, flows), Text(), totals]


def _bar_and_gap(width: int, columns: int) -> tuple[int, str]:
    """Return the cells of a bar on each side, 0 for no bar, and the gap between columns."""
    for gap, gaps in ((3, 4), (1, 4)):
        room = width - columns - gaps * gap
        if room >= 2 * MIN_BAR + 1:
            return min(MAX_BAR, (room - 1) // 2), " " * gap
    return 0, " " * max(1, min(3, (width - columns) // 3))


def _flows(figures: CapitalDistribution) -> list[Flow]:
    f = figures
    return [
        Flow(tr("super"), f.capital_out_super, f.capital_in_super, f.net_super),
        Flow(tr("big"), f.capital_out_big, f.capital_in_big, f.net_big),
        Flow(tr("mid"), f.capital_out_mid, f.capital_in_mid, f.net_mid),
        Flow(tr("small"), f.capital_out_small, f.capital_in_small, f.net_small),
    ]


def _right(text: str, width: int) -> str:
    """Return the text at the right of this many cells of the terminal."""
    return " " * (width - cell_len(text)) + text


def _unsigned(value: float | None) -> str:
    return "-" if value is None else amount(value)
