"""Many securities as one ranked line each. Pure: models in, lines of rich's text out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text

from ..models import CapitalDistribution
from .columns import Column, column_lines
from .drawing import CURRENCIES, Style, amount, bar, market_time, signed
from .formats import SortField
from .language import mark, tr

_BAR_SIDE = 6
_FIELDS: dict[SortField, str] = {
    "main_ratio": mark("main ratio"),
    "main_net": mark("main net"),
    "net": mark("net"),
    "net_super": mark("net super"),
    "net_big": mark("net big"),
    "net_mid": mark("net mid"),
    "net_small": mark("net small"),
    "capital_in": mark("capital in"),
    "capital_out": mark("capital out"),
    "code": mark("code"),
}


def rank(
    figures: Sequence[CapitalDistribution], field: SortField, top: int | None
) -> list[CapitalDistribution]:
    """Return the figures, largest first; by code in alphabetical order.

    Amounts of different currencies are not compared: each currency is ranked by itself, in
    the order of the codes given, and ``top`` counts in each. Absent values come last.
    """
    if field == "code":
        return sorted(figures, key=lambda each: each.code)[:top]

    def key(each: CapitalDistribution) -> float:
        value = getattr(each, field)
        return float("inf") if value is None else -value

    if field == "main_ratio":
        return sorted(figures, key=key)[:top]
    groups: dict[str, list[CapitalDistribution]] = {}
    for each in figures:
        groups.setdefault(_currency(each), []).append(each)
    return [each for group in groups.values() for each in sorted(group, key=key)[:top]]


def ranking_lines(
    ranked: Sequence[CapitalDistribution], field: SortField, width: int, style: Style
) -> list[Text]:
    """Return a header and a line for each security: as many columns as the width has room for."""
    if not ranked:
        return []
    columns = figures_columns(ranked, field, style)
    return [
        _caption(ranked, field),
        Text(),
        *column_lines(columns, ranked, width, style.rule),
    ]


def _caption(ranked: Sequence[CapitalDistribution], field: SortField) -> Text:
    """How many securities, in which order, and how old the figures are."""
    times = [each.updated_at for each in ranked if each.updated_at is not None]
    text = tr("{count} securities by {field}", count=len(ranked), field=tr(_FIELDS[field]))
    if times:
        oldest, newest = min(times), max(times)
        time = f"{oldest:%Y-%m-%d %H:%M:%S}"
        if newest != oldest:
            same_day = oldest.date() == newest.date()
            last = f"{newest:%H:%M:%S}" if same_day else f"{newest:%Y-%m-%d %H:%M:%S}"
            time = tr("{first} to {last}", first=time, last=last)
        text += tr(", as of {time}", time=f"{time} UTC")
    return Text(text)


def figures_columns(
    ranked: Sequence[CapitalDistribution], field: SortField, style: Style
) -> list[Column[CapitalDistribution]]:
    """Return all columns, the most important first."""
    largest = max((abs(each.main_ratio or 0.0) for each in ranked), default=0.0)

    def net(name: str) -> Callable[[CapitalDistribution], Text]:
        return lambda each: signed(getattr(each, name), style)

    def share(each: CapitalDistribution) -> Text:
        if each.main_ratio is None:
            return Text("-")
        return Text(f"{each.main_ratio:+.1%}", style.of(each.main_ratio))

    def share_bar(each: CapitalDistribution) -> Text:
        ratio = each.main_ratio or 0.0
        return bar(max(0.0, -ratio), max(0.0, ratio), largest, _BAR_SIDE, style)

    def time(each: CapitalDistribution) -> Text:
        local = market_time(each.market, each.updated_at)
        if local is not None:
            return Text(f"{local:%m-%d %H:%M:%S}")
        return Text("-" if each.updated_at is None else f"{each.updated_at:%m-%d %H:%M:%S}Z")

    first: list[Column[CapitalDistribution]] = [
        Column("code", lambda each: Text(each.code, "bold"), is_left=True),
        Column("main", share),
        Column("main net", net("main_net")),
    ]
    if field.startswith("capital_"):
        title = mark("inflow") if field == "capital_in" else mark("outflow")
        first.append(Column(title, lambda each: Text(amount(getattr(each, field)))))
    return [
        *first,
        Column("", lambda each: Text(_currency(each)), is_left=True),
        Column("out | in", share_bar, is_left=True),
        Column("net", net("net")),
        Column("super", net("net_super")),
        Column("big", net("net_big")),
        Column("mid", net("net_mid")),
        Column("small", net("net_small")),
        Column("market's time", time),
    ]


def _currency(figures: CapitalDistribution) -> str:
    return CURRENCIES.get(figures.market, "")
