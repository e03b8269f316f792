"""One security's figures as a table. Pure: a model in, rich's text out."""

from __future__ import annotations

from typing import NamedTuple, TextIO

from rich.console import Console
from rich.text import Text

from ..models import CapitalDistribution, Market
from .escape import one_line

INFLOW_STYLE, OUTFLOW_STYLE, DIM_STYLE = "green", "red", "bright_black"
MIN_BAR, MAX_BAR = 4, 14
"""Least and most cells of a bar on each side of its middle."""
_COLUMN_GAP = 3
_AMOUNT_WIDTH = 7
CURRENCIES = {
    Market.HK: "HKD",
    Market.HK_FUTURE: "HKD",
    Market.US: "USD",
    Market.SH: "CNY",
    Market.SZ: "CNY",
    Market.SG: "SGD",
    Market.JP: "JPY",
    Market.AU: "AUD",
    Market.MY: "MYR",
    Market.CA: "CAD",
}
_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


class BarCharacters(NamedTuple):
    """The characters that a bar is drawn with."""

    full: str
    left_half: str
    right_half: str
    middle: str


# Halves, not eighths: only half blocks exist for both directions.
BLOCKS = BarCharacters("█", "▐", "▌", "│")
ASCII = BarCharacters("#", "#", "#", "|")


class Flow(NamedTuple):
    """Money moved by one size of order."""

    name: str
    outflow: float | None
    inflow: float | None
    net: float | None


class FiguresTable:
    """Renders figures for one stream: its width, encoding and colours decide the look."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False)

    def render(self, figures: CapitalDistribution) -> str:
        """Return the table of one security as text, with colour codes if it has colours."""
        characters = ASCII if self._console.options.ascii_only else BLOCKS
        with self._console.capture() as captured:
            for line in figures_lines(figures, self._console.width, characters):
                self._console.print(line, soft_wrap=False)
        return captured.get()


def figures_lines(
    figures: CapitalDistribution, width: int, characters: BarCharacters
) -> list[Text]:
    """Return the lines of one table: title, main net, a line per size of order, totals."""
    return [_title(figures), _main_net(figures), Text(), *_grid(figures, width, characters), Text()]


def amount(value: float, *, sign: bool = False) -> str:
    """Return an amount in at most seven characters, such as 1.23B, 45.6M or 789."""
    plus = "+" if sign and value > 0 else ""
    for size, unit in _UNITS:
        if abs(value) >= size * 0.9995:
            scaled = value / size
            digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
            return f"{plus}{scaled:.{digits}f}{unit}"
    return f"{plus}{value:.0f}" if round(value) else "0"


def bar(
    outflow: float, inflow: float, largest: float, side: int, characters: BarCharacters
) -> Text:
    """Return a bar of ``side`` cells on each side of its middle: outflow left, inflow right."""
    left, right = (_half_cells(value, largest, side) for value in (outflow, inflow))
    text = Text(" " * (side - (left + 1) // 2), no_wrap=True)
    text.append(characters.left_half * (left % 2) + characters.full * (left // 2), OUTFLOW_STYLE)
    text.append(characters.middle, DIM_STYLE)
    text.append(characters.full * (right // 2) + characters.right_half * (right % 2), INFLOW_STYLE)
    return text.append(" " * (side - (right + 1) // 2))


def _half_cells(value: float, largest: float, side: int) -> int:
    """Length of one side of a bar in half cells: at least one for an amount above zero."""
    if value <= 0 or largest <= 0:
        return 0
    return max(1, min(2 * side, round(value / largest * 2 * side)))


def _title(figures: CapitalDistribution) -> Text:
    notes = []
    if figures.market in CURRENCIES:
        notes.append(f"in {CURRENCIES[figures.market]}")
    if figures.updated_at is not None:
        notes.append(f"as of {figures.updated_at:%Y-%m-%d %H:%M:%S} UTC")
    elif figures.update_time:
        notes.append(f"as of {one_line(figures.update_time)}, time zone unknown")
    return Text(figures.code, style="bold").append(f"  {', '.join(notes)}".rstrip(), "not bold")


def _main_net(figures: CapitalDistribution) -> Text:
    """The main net, with what it is the sum of and its share of all money moved."""
    style = _net_style(figures.main_net)
    text = Text("main net ", style="bold")
    currency = CURRENCIES.get(figures.market, "")
    text.append(f"{amount(figures.main_net, sign=True)} {currency}".rstrip(), style)
    if figures.main_ratio is None:
        text.append(", no money moved")
    else:
        text.append(", ").append(f"{figures.main_ratio:+.1%}", style)
        text.append(" of all money moved")
    if figures.net_super is None:
        terms = "big, in less out; this OpenD reports no super orders"
    else:
        terms = "super + big, in less out"
    return text.append(f"  ({terms})", "not bold")


def _grid(figures: CapitalDistribution, width: int, characters: BarCharacters) -> list[Text]:
    """Columns: name, outflow, bar, inflow, net. The bar takes the width that is left."""
    flows = _flows(figures)
    names = max(len("orders"), *(len(flow.name) for flow in flows))
    numbers = [amount(value) for flow in flows for value in flow[1:3] if value is not None]
    numbers += [amount(figures.capital_out), amount(figures.capital_in)]
    amounts = max(_AMOUNT_WIDTH, *map(len, numbers))
    nets = max(
        _AMOUNT_WIDTH, *(len(_signed(flow.net)) for flow in flows), len(_signed(figures.net))
    )
    room = width - names - 2 * amounts - nets - 4 * _COLUMN_GAP
    side = max(MIN_BAR, min(MAX_BAR, (room - 1) // 2))
    bar_width = 2 * side + 1

    def row(name: str, outflow: str, middle: Text, inflow: str, net: Text) -> Text:
        gap = " " * _COLUMN_GAP
        line = Text(f"{name:{names}}{gap}{outflow:>{amounts}}{gap}", no_wrap=True)
        line.append(middle).append(f"{gap}{inflow:>{amounts}}{gap}{'':{nets - len(net)}}")
        return line.append(net)

    def centred(text: str, style: str = "") -> Text:
        return Text(f"{text:^{bar_width}}", style)

    head = row("orders", "outflow", centred("out | in"), "inflow", Text("net"))
    rule = "-" if characters is ASCII else "─"
    lines = [head, Text(rule * len(head))]
    head.stylize("bold")
    largest = max(max(flow.outflow or 0.0, flow.inflow or 0.0) for flow in flows)
    for name, outflow, inflow, net in flows:
        if outflow is None or inflow is None:
            middle = centred("not reported", DIM_STYLE)
        else:
            middle = bar(outflow, inflow, largest, side, characters)
        lines.append(row(name, _unsigned(outflow), middle, _unsigned(inflow), _signed(net)))
    total_out, total_in = amount(figures.capital_out), amount(figures.capital_in)
    lines += [Text(), row("all", total_out, centred(""), total_in, _signed(figures.net))]
    return lines


def _flows(figures: CapitalDistribution) -> list[Flow]:
    f = figures
    return [
        Flow("super", f.capital_out_super, f.capital_in_super, f.net_super),
        Flow("big", f.capital_out_big, f.capital_in_big, f.net_big),
        Flow("mid", f.capital_out_mid, f.capital_in_mid, f.net_mid),
        Flow("small", f.capital_out_small, f.capital_in_small, f.net_small),
    ]


def _unsigned(value: float | None) -> str:
    return "-" if value is None else amount(value)


def _signed(value: float | None) -> Text:
    if value is None:
        return Text("-")
    return Text(amount(value, sign=True), style=_net_style(value))


def _net_style(value: float) -> str:
    return INFLOW_STYLE if value > 0 else OUTFLOW_STYLE if value < 0 else ""
