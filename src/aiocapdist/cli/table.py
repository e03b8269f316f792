"""One security's figures as people read them: pure, a model in, rich's renderables out."""

from __future__ import annotations

from typing import NamedTuple

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..models import CapitalDistribution, Market
from .bars import IN, OUT, QUIET, Bar
from .stderr import printable

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


class Flow(NamedTuple):
    """One size of order."""

    name: str
    outflow: float | None
    inflow: float | None
    net: float | None


def block(figures: CapitalDistribution) -> Group:
    """One security: which and when, the main net, a line for each size of order, the sums."""
    return Group(_title(figures), _main(figures), "", _table(figures), "")


def amount(value: float, *, sign: bool = False) -> str:
    """An amount that fits into eight cells: 1.23B, 45.6M, 789."""
    plus = "+" if sign and value > 0 else ""
    for size, unit in _UNITS:
        if abs(value) >= size * 0.9995:
            scaled = value / size
            digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
            return f"{plus}{scaled:.{digits}f}{unit}"
    return f"{plus}{value:.0f}" if round(value) else "0"


def _title(figures: CapitalDistribution) -> Text:
    notes = []
    if figures.market in CURRENCIES:
        notes.append(f"in {CURRENCIES[figures.market]}")
    if figures.updated_at is not None:
        notes.append(f"as of {figures.updated_at:%Y-%m-%d %H:%M:%S} UTC")
    elif figures.update_time:
        notes.append(f"as of {printable(figures.update_time)}, time zone not told")
    return Text(figures.code, style="bold").append(f"  {', '.join(notes)}".rstrip(), "not bold")


def _table(figures: CapitalDistribution) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("orders", no_wrap=True)
    table.add_column("outflow", justify="right", min_width=7, no_wrap=True)
    table.add_column("out | in", justify="center")
    table.add_column("inflow", justify="right", min_width=7, no_wrap=True)
    table.add_column("net", justify="right", min_width=7, no_wrap=True)
    flows = _flows(figures)
    largest = max(max(flow.outflow or 0.0, flow.inflow or 0.0) for flow in flows)
    for name, outflow, inflow, net in flows:
        told = outflow is not None and inflow is not None
        bar = Bar(outflow or 0.0, inflow or 0.0, largest) if told else Text("not told", QUIET)
        table.add_row(name, _cell(outflow), bar, _cell(inflow), _signed(net))
    table.add_section()
    total = _signed(figures.net)
    table.add_row("all", _cell(figures.capital_out), "", _cell(figures.capital_in), total)
    return table


def _flows(figures: CapitalDistribution) -> list[Flow]:
    f = figures
    return [
        Flow("super", f.capital_out_super, f.capital_in_super, f.net_super),
        Flow("big", f.capital_out_big, f.capital_in_big, f.net_big),
        Flow("mid", f.capital_out_mid, f.capital_in_mid, f.net_mid),
        Flow("small", f.capital_out_small, f.capital_in_small, f.net_small),
    ]


def _main(figures: CapitalDistribution) -> Text:
    """What most people ask for. It says in itself what it counts, and of how much."""
    colour = _colour(figures.main_net)
    text = Text("main net ", style="bold")
    currency = CURRENCIES.get(figures.market, "")
    text.append(f"{amount(figures.main_net, sign=True)} {currency}".rstrip(), colour)
    if figures.main_ratio is None:
        text.append(", no money moved")
    else:
        text.append(", ").append(f"{figures.main_ratio:+.1%}", colour)
        text.append(" of all money moved")
    if figures.net_super is None:
        what = "big, in less out; this OpenD tells no super orders"
    else:
        what = "super + big, in less out"
    return text.append(f"  ({what})", "not bold")


def _cell(value: float | None) -> str:
    return "-" if value is None else amount(value)


def _signed(value: float | None) -> Text:
    if value is None:
        return Text("-")
    return Text(amount(value, sign=True), style=_colour(value))


def _colour(value: float) -> str:
    return IN if value > 0 else OUT if value < 0 else ""
