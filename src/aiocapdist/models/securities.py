"""Markets, brokers, and codes of securities such as ``HK.00700``."""

import re
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple, Self

from .._lazy import publish
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


_SYMBOL = re.compile(r"[!-`{-~]{1,64}", re.ASCII)
# Five digits as nearly always; else not one to four, and no letters O, I or L among up to six.
_HK_SYMBOL = re.compile(
    r"[0-9]{5}|(?!(?:[0-9]{1,4}|(?=.*[0-9])(?=.*[OIL])[0-9OIL]{1,6})\Z)[!-`{-~]{1,64}", re.ASCII
)
_MARKETS = {
    name: (market, (_HK_SYMBOL if market is Market.HK else _SYMBOL).fullmatch)
    for name, market in Market.__members__.items()
}
_EXPECTED = "expected MARKET.CODE such as 'HK.00700', 'US.AAPL' or 'SH.600519'"


class Security(NamedTuple):
    """A security: its market and its symbol there. ``str()`` gives the code."""

    market: Market
    symbol: str

    @classmethod
    def parse(cls, code: str | Self) -> Self:
        """Parse ``MARKET.SYMBOL``, split at the first dot. Hong Kong's numbers have five digits.

        A Security is returned as it is. Raises :class:`InvalidCode` for anything else, lower
        case included. Its ``suggestion`` is the code that was probably meant.
        """
        try:
            name, _, symbol = code.partition(".")  # type: ignore[union-attr]  # see below
            market, match = _MARKETS[name]
            if match(symbol) is not None:
                return tuple.__new__(cls, (market, symbol))  # costs half of cls(...)
        except (AttributeError, KeyError, TypeError):
            pass  # TypeError: bytes have partition() too
        if isinstance(code, Security):
            return cls.parse(str(code))
        raise _invalid(code)

    @classmethod
    def guess(cls, text: str) -> Self:
        """Read a code in the notation of another site or program.

        Understands ``MARKET.SYMBOL`` in any case and width, ``700.HK``, ``0700.HK``,
        ``600519.SS``, ``7203.T``, ``AAPL.O``, ``700 HK Equity``, ``sh600519``, ``HKG:0700``,
        ``BRK-B`` and the like. A market before the dot wins: ``AU.US`` is the Australian
        ``US``. A code without a market is taken for a US ticker if it consists of letters, by
        its digits for Hong Kong (five) or mainland China (six). Raises
        :class:`InvalidCode` if the text means no code.
        """
        try:
            return cls.parse(text)
        except InvalidCode:
            from ._codes import guess_code  # few programs use it

            guess = guess_code(text) if isinstance(text, str) else None
            if guess is None:
                raise
            return cls(Market[guess.market], guess.symbol)

    def __str__(self) -> str:
        # People write Security("HK", "00700") too, and type checkers say so.
        return f"{getattr(self.market, 'name', self.market)}.{self.symbol}"


def _invalid(code: object) -> InvalidCode:
    """Build the error for ``code``, with the reason and, if possible, a suggestion."""
    if not isinstance(code, str):
        several = isinstance(code, list | tuple | set | frozenset | dict)
        what = "capital_distributions(codes) takes many" if several else _EXPECTED
        return InvalidCode(code, f"a code is a string, not {type(code).__name__}; {what}")
    return InvalidCode(code, f"{_reason(code)}; {_EXPECTED}", _suggestion(code))


def check_codes(codes: object) -> None:
    """Raise TypeError for a single code, and for what is no collection of them."""
    if isinstance(codes, str | bytes):
        raise TypeError(f"codes is a list of codes, not one string; try [{codes!r}]")
    if isinstance(codes, Security):
        raise TypeError(f"codes is a list of codes, not one Security; try [{str(codes)!r}]")
    if not isinstance(codes, Iterable):
        raise TypeError(f"codes is a list of codes, not {type(codes).__name__}")


def _reason(code: str) -> str:
    market, dot, symbol = code.partition(".")
    if not code:
        return "it is empty"
    if any(ch.isspace() or not ch.isprintable() for ch in code):
        return "it contains white space or control characters"
    if not dot:
        return "it has no market"
    if not market or not symbol:
        return f"nothing {'after' if market else 'before'} the dot"
    if market.upper() not in _MARKETS:
        shown = market if len(market) <= 20 else f"{market[:20]}…"
        return f"unknown market {shown!r}; known markets are {', '.join(_MARKETS)}"
    return _symbol_reason(market.upper(), symbol)


def _symbol_reason(market: str, symbol: str) -> str:
    if len(symbol) > 64:
        return "it is too long"
    if not symbol.isascii():
        return "it contains invalid characters"
    if market == "HK" and symbol.isdecimal() and len(symbol) < 5:
        return "numbers of Hong Kong have five digits"
    from ._codes import without_letters_for_digits

    if market == "HK" and without_letters_for_digits(symbol.upper()):
        return "it has letters in place of digits"
    return "codes are upper case"


def _suggestion(code: str) -> str | None:
    """Return the code that was probably meant, or None."""
    from ._codes import guess_code, without_letters_for_digits

    if (guess := guess_code(code)) is not None:
        return str(guess)
    market, _, symbol = code.strip().upper().partition(".")
    digits = without_letters_for_digits(symbol) if market == "HK" else None
    return None if digits is None else f"HK.{digits.zfill(5)}"


publish("aiocapdist", globals())
