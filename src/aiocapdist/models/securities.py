"""Markets, brokers, and codes of securities such as ``HK.00700``."""

import re
from enum import IntEnum
from typing import NamedTuple, Self

from ..errors import InvalidCode


class Market(IntEnum):
    """Markets by OpenD's number, named as in codes (``Qot_Common.QotMarket``)."""

    HK = 1
    HK_FUTURE = 2
    US = 11
    SH = 21
    SZ = 22
    SG = 31
    JP = 41
    AU = 51
    MY = 61
    CA = 71
    FX = 81
    CC = 91
    EC = 101


class SecurityFirm(IntEnum):
    """Brokers of the Futu group (``Trd_Common.SecurityFirm``)."""

    FUTUSECURITIES = 1
    FUTUINC = 2
    FUTUSG = 3
    FUTUAU = 4
    FUTUCA = 5
    FUTUMY = 6
    FUTUJP = 7


_MARKETS: dict[str, Market] = dict(Market.__members__)
_SYMBOL = re.compile(r"[!-`{-~]{1,64}", re.ASCII)
_EXPECTED = "expected MARKET.CODE such as 'HK.00700', 'US.AAPL' or 'SH.600519'"


class Security(NamedTuple):
    """A security: its market and its symbol there. ``str()`` gives the code."""

    market: Market
    symbol: str

    @classmethod
    def parse(cls, code: str) -> Self:
        """Parse ``MARKET.SYMBOL``, split at the first dot.

        Raises :class:`InvalidCode` for anything else, lower case included.
        """
        try:
            name, _, symbol = code.partition(".")
            if _SYMBOL.fullmatch(symbol) is not None:
                return tuple.__new__(cls, (_MARKETS[name], symbol))  # costs half of cls(...)
        except (AttributeError, KeyError, TypeError):
            pass  # TypeError: bytes have partition() too
        raise _invalid(code)

    def __str__(self) -> str:
        return f"{self.market.name}.{self.symbol}"


def _invalid(code: object) -> InvalidCode:
    """Build the error for ``code``, with the reason and, if possible, a suggestion."""
    if not isinstance(code, str):
        return InvalidCode(code, f"a code is a string, not {type(code).__name__}; {_EXPECTED}")
    market, dot, symbol = code.strip().upper().partition(".")
    suggestion = f"{market}.{symbol}"
    # ASCII only: "ß" has an upper case too, but is not valid in a code.
    valid_in_upper_case = (
        code.isascii() and market in _MARKETS and _SYMBOL.fullmatch(symbol) is not None
    )
    if not code:
        reason = "it is empty"
    elif any(ch.isspace() or not ch.isprintable() for ch in code):
        reason = "it contains white space or control characters"
    elif not dot:
        reason = "it has no market"
    elif not market or not symbol:
        reason = f"nothing {'after' if market else 'before'} the dot"
    elif market not in _MARKETS:
        shown = market if len(market) <= 20 else f"{market[:20]}…"
        reason = f"unknown market {shown!r}; known markets are {', '.join(_MARKETS)}"
    elif valid_in_upper_case:
        reason = "codes are upper case"
    elif len(symbol) > 64:
        reason = "it is too long"
    else:
        reason = "it contains invalid characters"
    return InvalidCode(code, f"{reason}; {_EXPECTED}", suggestion if valid_in_upper_case else None)
