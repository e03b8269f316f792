"""Amounts, bars, colours and times, as all tables show them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from ..models import Market
from .formats import Colors
from .language import language, tr

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

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
ZONES = {
    Market.HK: "Asia/Hong_Kong",
    Market.HK_FUTURE: "Asia/Hong_Kong",
    Market.US: "America/New_York",
    Market.SH: "Asia/Shanghai",
    Market.SZ: "Asia/Shanghai",
    Market.SG: "Asia/Singapore",
    Market.JP: "Asia/Tokyo",
    Market.AU: "Australia/Sydney",
    Market.MY: "Asia/Kuala_Lumpur",
    Market.CA: "America/Toronto",
}
DIM = "bright_black"
_UNITS = {
    "en": ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")),
    "zh": ((1e12, "万亿"), (1e8, "亿"), (1e4, "万")),
}


class Style(NamedTuple):
    """How a stream is drawn on: styles of inflow and outflow, characters of bars and marks."""

    inflow: str
    outflow: str
    full: str
    left_half: str
    right_half: str
    middle: str
    rule: str
    rose: str
    fell: str
    changed: str
    steps: str
    """Columns of rising height."""

    def of(self, net: float) -> str:
        """Return the style of a net amount."""
        return self.inflow if net > 0 else self.outflow if net < 0 else ""


# Halves, not eighths: only half blocks exist for both directions.
_BLOCKS = ("█", "▐", "▌", "│", "─", "▲", "▼", "•", "▁▂▃▄▅▆▇█")
_ASCII = ("#", "#", "#", "|", "-", "^", "v", "*", "_.-=*#")
_COLORS = {"us": ("green", "red"), "cn": ("red", "green"), "none": ("", "")}


def make_style(colors: Colors, *, ascii_only: bool) -> Style:
    """Return the style for these colours, in ASCII alone if the stream has no more."""
    return Style(*_COLORS[colors], *(_ASCII if ascii_only else _BLOCKS))


def amount(value: float, *, sign: bool = False) -> str:
    """Return an amount with few digits, such as 1.23B, 45.6M or 789; in Chinese 1.23亿."""
    plus = "+" if sign and value > 0 else ""
    for size, unit in _UNITS[language()]:
        if abs(value) >= size * 0.9995:
            scaled = value / size
            digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
            return f"{plus}{scaled:.{digits}f}{unit}"
    return f"{plus}{value:.0f}" if round(value) else "0"


def signed(value: float | None, style: Style) -> Text:
    """Return a net amount with its sign and colour, or a dash."""
    if value is None:
        return Text("-")
    return Text(amount(value, sign=True), style=style.of(value))


def bar(outflow: float, inflow: float, largest: float, side: int, style: Style) -> Text:
    """Return a bar of ``side`` cells on each side of its middle: outflow left, inflow right."""
    left, right = (_half_cells(value, largest, side) for value in (outflow, inflow))
    text = Text(" " * (side - (left + 1) // 2), no_wrap=True)
    text.append(style.left_half * (left % 2) + style.full * (left // 2), style.outflow)
    text.append(style.middle, DIM)
    text.append(style.full * (right // 2) + style.right_half * (right % 2), style.inflow)
    return text.append(" " * (side - (right + 1) // 2))


def _half_cells(value: float, largest: float, side: int) -> int:
    """Length of one side of a bar in half cells: at least one for an amount above zero."""
    if value <= 0 or largest <= 0:
        return 0
    return max(1, min(2 * side, round(value / largest * 2 * side)))


def title(code: str, notes: Sequence[str]) -> Text:
    """Return the title of a table about one code."""
    text = notes[0] if notes else ""
    for note in notes[1:]:
        text = tr("{text}, {more}", text=text, more=note)
    return Text(code, style="bold").append(f"  {text}".rstrip(), "not bold")


def market_time(market: Market, at: datetime | None) -> datetime | None:
    """Return a time in the market's own zone; None if it is not known."""
    zone = zone_of(market)
    if at is None or zone is None:
        return None
    try:
        return at.astimezone(zone)
    except OverflowError:
        return None


def zone_of(market: Market) -> ZoneInfo | None:
    """Return the market's time zone; None if it is not known."""
    if market not in ZONES:
        return None
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(ZONES[market])
    except ZoneInfoNotFoundError:
        return None  # a system without time zones needs the package tzdata


def place(market: Market) -> str:
    """Return the city whose time the market has."""
    return tr(ZONES[market].rpartition("/")[2].replace("_", " "))
