"""Codes in the notations of other sites and programs."""

# ruff: noqa: RUF001

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocapdist import InvalidCode, Market, Security
from aiocapdist.models._codes import guess_code

# Text, code, and whether a market or digits were added.
NOTATIONS = [
    # the vendor's
    ("HK.00700", "HK.00700", False),
    ("hk.00700", "HK.00700", False),
    ("US.BRK.B", "US.BRK.B", False),
    ("us.brk.b", "US.BRK.B", False),
    ("US..DJI", "US..DJI", False),
    ("us..dji", "US..DJI", False),
    ("HK_future.HSImain", "HK_FUTURE.HSIMAIN", False),
    ("CC.BTC", "CC.BTC", False),
    ("HK.700", "HK.00700", True),
    ("HK.800000", "HK.800000", False),
    (" HK.00700\n", "HK.00700", False),
    ("HK 00700", "HK.00700", False),
    ("HK . 700", "HK.00700", True),
    # Yahoo
    ("700.HK", "HK.00700", True),
    ("0700.HK", "HK.00700", True),
    ("9988.hk", "HK.09988", True),
    ("600519.SS", "SH.600519", False),
    ("000001.SZ", "SZ.000001", False),
    ("7203.T", "JP.7203", False),
    ("D05.SI", "SG.D05", False),
    ("CBA.AX", "AU.CBA", False),
    ("1155.KL", "MY.1155", False),
    ("RY.TO", "CA.RY", False),
    ("BRK-B", "US.BRK.B", True),
    ("AAPL", "US.AAPL", True),
    # Reuters
    ("AAPL.O", "US.AAPL", False),
    ("AAPL.OQ", "US.AAPL", False),
    ("IBM.N", "US.IBM", False),
    ("BRKb.N", "US.BRK.B", False),
    (".DJI", "US..DJI", True),
    # Bloomberg
    ("700 HK Equity", "HK.00700", True),
    ("700 HK", "HK.00700", True),
    ("00700 HK EQUITY", "HK.00700", False),
    ("AAPL US Equity", "US.AAPL", False),
    ("AAPL UW Equity", "US.AAPL", False),
    ("BRK/B US Equity", "US.BRK.B", False),
    ("600519 CH Equity", "SH.600519", False),
    ("000001 CH Equity", "SZ.000001", False),
    ("600519 CG", "SH.600519", False),
    ("7203 JP Equity", "JP.7203", False),
    ("D05 SP Equity", "SG.D05", False),
    ("1155 MK Equity", "MY.1155", False),
    ("RY CN Equity", "CA.RY", False),
    # markets and exchanges after the dot or before a colon
    ("AAPL.US", "US.AAPL", False),
    ("BRK.B.US", "US.BRK.B", False),
    ("600519.SH", "SH.600519", False),
    ("600519.XSHG", "SH.600519", False),
    ("000001.XSHE", "SZ.000001", False),
    ("7203.JP", "JP.7203", False),
    ("HKG:0700", "HK.00700", True),
    ("NASDAQ:AAPL", "US.AAPL", False),
    ("NYSE: BRK.B", "US.BRK.B", False),
    ("SHA:600519", "SH.600519", False),
    ("hk:00700", "HK.00700", False),
    # Chinese sites
    ("sh600519", "SH.600519", False),
    ("SZ000001", "SZ.000001", False),
    ("hk00700", "HK.00700", False),
    ("hk700", "HK.00700", True),
    ("usAAPL", "US.AAPL", False),
    ("usBRK.B", "US.BRK.B", False),
    ("SHSE.600519", "SH.600519", False),
    ("SZSE.000001", "SZ.000001", False),
    # full width
    ("ＨＫ．００７００", "HK.00700", False),
    ("ｈｋ．７００", "HK.00700", True),
    ("HK。00700", "HK.00700", False),
    ("ＡＡＰＬ", "US.AAPL", True),
    ("７００　ＨＫ", "HK.00700", True),
    # without a market
    ("F", "US.F", True),
    ("BRK.B", "US.BRK.B", True),
    ("00700", "HK.00700", True),
    ("600519", "SH.600519", True),
    ("900901", "SH.900901", True),
    ("510300", "SH.510300", True),
    ("000001", "SZ.000001", True),
    ("159915", "SZ.159915", True),
    ("300750", "SZ.300750", True),
    # A market before the dot wins.
    ("AU.US", "AU.US", False),
    ("US.HK", "US.HK", False),
    ("hk.us", "HK.US", False),
    ("US.T", "US.T", False),
    ("T.US", "US.T", False),
]
NO_CODES = [
    "",
    " ",
    ".",
    "HK",
    "us",
    "HK.",
    ".HK",
    "AAPL.",
    "700",
    "7203",
    "1234567",
    "430047",
    "bj430047",
    "VOD.L",
    "BRK.X",
    "TOOLONG",
    "A B C",
    "600519.DE",
    "HK.O0700",
    "O0700.HK",
    "sh60051",
    "600519x.SS",
    "600519 XX Equity",
    "830799 CH Equity",
    "XETRA:SAP",
    ".HSI",
    "HK.00700\0",
    "HK\n.00700",
    "HK.00700\u200b",
    "腾讯",
    "US.ß",
    "US.ıbm",
    "HK." + "A" * 65,
]


@pytest.mark.parametrize(("text", "code", "added"), NOTATIONS)
def test_a_notation_is_understood(text: str, code: str, added: bool) -> None:
    assert str(Security.guess(text)) == code
    guess = guess_code(text)
    assert guess is not None
    assert (str(guess), guess.added) == (code, added)


@pytest.mark.parametrize(("text", "code", "added"), NOTATIONS)
def test_calls_stay_strict_and_suggest_the_code(text: str, code: str, added: bool) -> None:
    if text == code:
        assert str(Security.parse(text)) == code
        return
    with pytest.raises(InvalidCode) as error:
        Security.parse(text)
    assert error.value.suggestion == code
    assert f"try {code!r}" in str(error.value)


@pytest.mark.parametrize("text", NO_CODES)
def test_a_text_that_means_no_code_is_invalid(text: str) -> None:
    with pytest.raises(InvalidCode) as error:
        Security.guess(text)
    assert error.value.code == text


def test_letters_for_digits_are_not_guessed_but_suggested() -> None:
    with pytest.raises(InvalidCode) as error:
        Security.guess("HK.O0700")
    assert error.value.suggestion == "HK.00700"


@pytest.mark.parametrize("thing", [None, 700, b"AAPL", ["AAPL"]])
def test_another_type_is_invalid(thing: object) -> None:
    with pytest.raises(InvalidCode, match="a code is a string"):
        Security.guess(thing)  # type: ignore[arg-type]


@given(st.one_of(st.text(), st.from_regex(r"[A-Za-z0-9０-９.。: /-]{1,20}", fullmatch=True)))
def test_any_text_is_a_valid_code_or_invalid(text: str) -> None:
    try:
        security = Security.guess(text)
    except InvalidCode:
        return
    assert Security.parse(str(security)) == security
    assert Security.guess(str(security)) == security


@given(
    st.sampled_from([Market.US, Market.JP, Market.SG]),
    st.from_regex(r"[A-Z0-9]{1,5}", fullmatch=True),
)
def test_the_strict_form_is_read_as_it_is(market: Market, symbol: str) -> None:
    security = Security(market, symbol)
    assert Security.guess(str(security)) == security
    assert Security.guess(str(security).lower()) == security
