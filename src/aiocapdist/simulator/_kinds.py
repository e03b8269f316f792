"""Tell the kind of a security by its code. Pure."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias, get_args

from ..models import Market, Security

Kind: TypeAlias = Literal[
    "stock", "index", "future", "option", "etf", "crypto", "currency", "event"
]
KINDS: tuple[Kind, ...] = get_args(Kind)

_BY_MARKET: dict[Market, Kind] = {
    Market.HK_FUTURE: "future",
    Market.FX: "currency",
    Market.CC: "crypto",
    Market.EC: "event",
}
_OPTION = re.compile(r"[A-Z]{1,6}\d{6}[CP]\d+")
_FUTURE = re.compile(r"[A-Z]{2,4}\d{4}")
# Six digits: HK.80011, with five, is a stock traded in renminbi.
_INDICES = {
    Market.HK: re.compile(r"800\d{3}"),
    Market.SH: re.compile(r"000\d{3}"),
    Market.SZ: re.compile(r"399\d{3}"),
}
_FUNDS = {
    Market.HK: re.compile(r"028[0-4]\d|0303\d"),
    Market.US: re.compile(r"SPY|QQQ|IWM|DIA|VOO"),
    Market.SH: re.compile(r"5[0168]\d{4}"),
    Market.SZ: re.compile(r"159\d{3}"),
}


def kind_of(security: Security) -> Kind:
    """Return the kind of a security, as far as its code tells; of exchange-traded funds, some."""
    market, symbol = security
    if market in _BY_MARKET:
        return _BY_MARKET[market]
    if symbol.startswith(".") or _matches(_INDICES, market, symbol):
        return "index"
    if _matches(_FUNDS, market, symbol):
        return "etf"
    if market in (Market.HK, Market.US) and _OPTION.fullmatch(symbol):
        return "option"
    if market in (Market.HK, Market.US) and _FUTURE.fullmatch(symbol):
        return "future"
    return "stock"


def _matches(patterns: dict[Market, re.Pattern[str]], market: Market, symbol: str) -> bool:
    return market in patterns and patterns[market].fullmatch(symbol) is not None
