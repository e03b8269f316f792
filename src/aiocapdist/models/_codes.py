"""Understand codes in the notations of other sites and programs. Pure functions of text."""

import re
from typing import NamedTuple


class GuessedCode(NamedTuple):
    """A code that was probably meant.

    ``added`` is True if the text had no market or too few digits, so that they were added.
    """

    market: str
    symbol: str
    added: bool = False

    def __str__(self) -> str:
        return f"{self.market}.{self.symbol}"


def _table(pairs: str) -> dict[str, str]:
    """Read ``NAME=MARKET`` pairs; a name alone is a market's own."""
    return {name: market or name for name, _, market in (p.partition("=") for p in pairs.split())}


_OWN = "HK US SH SZ SG JP AU MY CA"
# Before the first dot: OpenD's, and those of Chinese trading libraries.
_MARKETS = _table(f"{_OWN} HK_FUTURE FX CC EC SHSE=SH SZSE=SZ")
# After the last dot: Yahoo and Reuters, the markets themselves, ISO 10383.
_SUFFIXES = _table(
    f"{_OWN} SS=SH T=JP SI=SG AX=AU KL=MY TO=CA O=US OQ=US N=US K=US "
    "XHKG=HK XNAS=US XNYS=US XSHG=SH XSHE=SZ"
)
# Before a colon: Google and TradingView.
_EXCHANGES = _table(
    f"{_OWN} HKG=HK HKEX=HK NASDAQ=US NYSE=US NYSEARCA=US AMEX=US SHA=SH SSE=SH SHE=SZ SZSE=SZ "
    "TYO=JP TSE=JP SGX=SG ASX=AU KLSE=MY TSX=CA"
)
# Country codes of Bloomberg; CH is either exchange of mainland China.
_COUNTRIES = _table(
    "HK US UN=US UQ=US UW=US CG=SH CS=SZ CH JP JT=JP SP=SG AU AT=AU MK=MY CN=CA CT=CA"
)
_US_INDICES = frozenset({"DJI", "IXIC", "NDX", "SPX", "VIX"})

_WIDE: dict[int, int | str] = {
    code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)
}  # full-width forms of ASCII
_WIDE |= {0x3000: " ", 0x3002: ".", 0xFF61: "."}  # ideographic space and full stops
_LETTERS_FOR_DIGITS = str.maketrans("OIL", "011")

_REUTERS_CLASS = re.compile(r"([A-Z]{1,5})([a-c])\.(?:N|O|OQ|K)")
_TENCENT_US = re.compile(r"us([A-Z]{1,5}(?:\.[A-C])?)")
_BLOOMBERG = re.compile(r"([A-Z0-9./-]+) ([A-Z]{2})(?: EQUITY)?")
_GLUED = re.compile(r"(HK|SH|SZ)(\d+)")
_US_TICKER = re.compile(r"([A-Z]{1,5})(?:[./-]([A-C]))?")
_MIXED_DIGITS = re.compile(r"(?=.*\d)(?=.*[OIL])[\dOIL]{1,6}", re.ASCII)
_SYMBOL = re.compile(r"[!-`{-~]{1,64}", re.ASCII)


def guess_code(text: str) -> GuessedCode | None:
    """Return the code that a text probably means, or None. A market before the dot wins."""
    text = text.translate(_WIDE).strip()
    if not (text.isascii() and text.isprintable()):
        return None
    if match := _REUTERS_CLASS.fullmatch(text):
        return GuessedCode("US", f"{match[1]}.{match[2].upper()}")
    if match := _TENCENT_US.fullmatch(text):
        return GuessedCode("US", match[1])
    text = re.sub(r" *([.:]) *", r"\1", text.upper())
    for read in (_market_first, _exchange_first, _bloomberg, _market_last, _no_market):
        if (found := read(text)) is not None:
            return found
    return None


def without_letters_for_digits(symbol: str) -> str | None:
    """Return a symbol with 0 for O and 1 for I and L; None if it does not mix them with digits."""
    if _MIXED_DIGITS.fullmatch(symbol):
        return symbol.translate(_LETTERS_FOR_DIGITS)
    return None


def _market_first(text: str) -> GuessedCode | None:
    """``hk.700``, ``HK 00700``, ``sh600519``."""
    if match := _GLUED.fullmatch(text):
        return _of(match[1], match[2])
    market, separator, symbol = text.partition("." if "." in text else " ")
    return _of(_MARKETS[market], symbol) if separator and market in _MARKETS else None


def _exchange_first(text: str) -> GuessedCode | None:
    """``HKG:0700``, ``NASDAQ:AAPL``."""
    exchange, colon, symbol = text.partition(":")
    return _of(_EXCHANGES[exchange], symbol) if colon and exchange in _EXCHANGES else None


def _bloomberg(text: str) -> GuessedCode | None:
    """``700 HK Equity``."""
    match = _BLOOMBERG.fullmatch(text)
    if match is None or match[2] not in _COUNTRIES:
        return None
    market = _COUNTRIES[match[2]]
    return _of(_mainland(match[1]) if market == "CH" else market, match[1])


def _market_last(text: str) -> GuessedCode | None:
    """``700.HK``, ``600519.SS``, ``AAPL.O``."""
    symbol, _, suffix = text.rpartition(".")
    return _of(_SUFFIXES[suffix], symbol) if symbol and suffix in _SUFFIXES else None


def _no_market(text: str) -> GuessedCode | None:
    """``AAPL``, ``BRK.B``, ``00700``, ``600519``."""
    if text[:1] == "." and text[1:] in _US_INDICES:
        return GuessedCode("US", text, added=True)
    if text.isdecimal():
        market = "HK" if len(text) == 5 else _mainland(text)
    else:
        market = "US" if _US_TICKER.fullmatch(text) and text not in _MARKETS else ""
    guess = _of(market, text)
    return guess._replace(added=True) if guess is not None else None


def _mainland(symbol: str) -> str:
    """Return the exchange of a six-digit code of mainland China, or an empty string."""
    if len(symbol) != 6 or not symbol.isdecimal():
        return ""
    return {"5": "SH", "6": "SH", "9": "SH"}.get(symbol[0], "SZ" if symbol[0] in "0123" else "")


def _of(market: str, symbol: str) -> GuessedCode | None:
    """Build a code, with Hong Kong's digits filled up to five; None if it cannot be one."""
    if not market or not _SYMBOL.fullmatch(symbol):
        return None
    if market == "HK" and symbol.isdecimal():
        return GuessedCode(market, symbol.zfill(5), added=len(symbol) < 5)
    if market == "HK" and _MIXED_DIGITS.fullmatch(symbol):
        return None
    if market in ("SH", "SZ") and not (len(symbol) == 6 and symbol.isdecimal()):
        return None
    if market == "US" and (match := _US_TICKER.fullmatch(symbol)) and match[2]:
        return GuessedCode(market, f"{match[1]}.{match[2]}")
    return GuessedCode(market, symbol)
