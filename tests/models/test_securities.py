"""Codes of securities: which are valid, and what the error says about the others."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import aiocapdist
from aiocapdist import InvalidCode, Market, Security
from aiocapdist.simulator import Simulator

EXPECTED = "expected MARKET.CODE such as 'HK.00700'"
BLANK = "it contains white space or control characters"
STRANGE = "it contains invalid characters"

# The value, the reason in the error, and the suggestion.
BAD: list[tuple[object, str, str | None]] = [
    ("", "it is empty", None),
    ("00700", "it has no market", "HK.00700"),
    ("AAPL", "it has no market", "US.AAPL"),
    ("HK.", "nothing after the dot", None),
    (".00700", "nothing before the dot", None),
    (".", "nothing before the dot", None),
    ("XX.00700", "unknown market 'XX'; known markets are HK, HK_FUTURE, US", None),
    ("00700.HK", "unknown market '00700'", "HK.00700"),
    ("HK 00700", BLANK, "HK.00700"),
    ("HK. 00700", BLANK, "HK.00700"),
    (" HK.00700", BLANK, "HK.00700"),
    ("HK.00700\n", BLANK, "HK.00700"),
    ("\t us.aapl ", BLANK, "US.AAPL"),
    ("HK.00700\0", BLANK, None),
    ("HK.\x00700", BLANK, None),
    ("HK.00\n700", BLANK, None),
    ("HK.00\t700", BLANK, None),
    ("HK.00700\x7f", BLANK, None),
    ("HK.00700\u200b", BLANK, None),
    ("HK.00\u00a0700", BLANK, None),
    ("hk.00700", "codes are upper case", "HK.00700"),
    ("us.brk.b", "codes are upper case", "US.BRK.B"),
    ("Hk.00700", "codes are upper case", "HK.00700"),
    ("US.aapl", "codes are upper case", "US.AAPL"),
    ("HK.腾讯", STRANGE, None),
    ("HK.００７００", STRANGE, "HK.00700"),  # noqa: RUF001
    ("HK.007٠٠", STRANGE, None),  # noqa: RUF001
    ("HK.\ud800", BLANK, None),
    ("US.ß", STRANGE, None),
    ("US.ıbm", STRANGE, None),  # noqa: RUF001
    ("ＨＫ.00700", "unknown market", "HK.00700"),  # noqa: RUF001
    ("HK．00700", "it has no market", "HK.00700"),  # noqa: RUF001
    ("HK.700", "numbers of Hong Kong have five digits", "HK.00700"),
    ("hk.0005", "numbers of Hong Kong have five digits", "HK.00005"),
    ("HK.O0700", "it has letters in place of digits", "HK.00700"),
    ("HK.0O7lO", "it has letters in place of digits", "HK.00710"),
    ("HK." + "0" * 65, "it is too long", None),
    ("us." + "a" * 5000, "it is too long", None),
    ("Q" * 5000 + ".1", "unknown market 'QQQQQQQQQQQQQQQQQQQQ…'", None),
    (None, "a code is a string, not NoneType", None),
    (700, "a code is a string, not int", None),
    (7.0, "a code is a string, not float", None),
    (b"HK.00700", "a code is a string, not bytes", None),
]
IDS = [ascii(code)[:24] for code, _, _ in BAD]


@pytest.mark.parametrize(("code", "reason", "suggestion"), BAD, ids=IDS)
def test_a_bad_code_raises_an_error_with_reason_and_suggestion(
    code: object, reason: str, suggestion: str | None
) -> None:
    with pytest.raises(InvalidCode) as error:
        Security.parse(code)  # type: ignore[arg-type]
    told = error.value
    assert told.code is code
    assert told.reason.startswith(reason)
    assert EXPECTED in told.reason
    assert told.suggestion == suggestion
    text = str(told)
    assert text.startswith("invalid code ")
    assert reason in text
    assert EXPECTED in text
    assert ("; try " in text) is (suggestion is not None)
    assert len(text) < 400, "a long code must not make a long text"
    assert text.isprintable(), "a text may end up in a terminal or a log"


@pytest.mark.parametrize(
    ("code", "market", "symbol"),
    [
        ("HK.00700", Market.HK, "00700"),
        ("US.BRK.B", Market.US, "BRK.B"),
        ("US..DJI", Market.US, ".DJI"),
        ("HK.800000", Market.HK, "800000"),
        ("HK.TCH210429C350000", Market.HK, "TCH210429C350000"),
        ("HK.OIL", Market.HK, "OIL"),
        ("SG.O5L", Market.SG, "O5L"),
        ("HK_FUTURE.HSIMAIN", Market.HK_FUTURE, "HSIMAIN"),
        ("US.BAC-P", Market.US, "BAC-P"),
        ("CC.BTC/USD", Market.CC, "BTC/USD"),
        ("SH." + "6" * 64, Market.SH, "6" * 64),
    ],
)
def test_a_code_is_split_at_its_first_dot(code: str, market: Market, symbol: str) -> None:
    security = Security.parse(code)
    assert security == (market, symbol)
    assert security.market is market
    assert str(security) == code


def read(text: str) -> tuple[Security | None, InvalidCode | None]:
    """Parse a text. Any exception but InvalidCode fails the test."""
    try:
        return Security.parse(text), None
    except InvalidCode as error:
        return None, error


SYMBOLS = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_categories=["Ll"]),
    min_size=1,
    max_size=64,
)


@given(st.sampled_from([market for market in Market if market is not Market.HK]), SYMBOLS)
def test_a_code_can_be_parsed_back_from_its_text(market: Market, symbol: str) -> None:
    security = Security(market, symbol)
    assert Security.parse(str(security)) == security


@given(
    st.one_of(
        st.text(), st.builds("{}.{}".format, st.sampled_from([*Market.__members__]), st.text())
    )
)
@example("HK.\ud800")
def test_any_text_is_a_code_or_raises_invalid_code(text: str) -> None:
    security, error = read(text)
    if security is not None:
        assert str(security) == text
        assert text.isascii()
        assert text == text.upper()
        return
    assert error is not None
    assert error.code == text
    if error.suggestion is not None:
        assert str(Security.parse(error.suggestion)) == error.suggestion


@given(st.one_of(st.none(), st.integers(), st.binary(), st.floats(), st.lists(st.text())))
def test_any_other_type_raises_invalid_code(thing: object) -> None:
    with pytest.raises(InvalidCode, match="a code is a string, not "):
        Security.parse(thing)  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_the_client_sends_nothing_for_invalid_codes() -> None:
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            for code, reason, _ in BAD:
                with pytest.raises(InvalidCode) as error:
                    await client.capital_distribution(code)  # type: ignore[arg-type]
                assert error.value.reason.startswith(reason)
            await client.global_state()
            assert [r.proto_id for r in opend.requests] == [1001, 1002]
            assert client.quota.available == 30
            assert client._single_flight.pending == {}


@pytest.mark.anyio
@pytest.mark.parametrize("kind", [list, iter], ids=["list", "iterator"])
async def test_in_a_sweep_each_invalid_code_is_a_failed_outcome(kind: type) -> None:
    codes = [code for code, _, _ in BAD]
    wanted = [*codes[:10], "HK.00700", *codes[10:]]
    with anyio.fail_after(5):
        async with Simulator() as opend, aiocapdist.connect(opend.memory) as client:
            outcomes = [o async for o in client.capital_distributions(kind(wanted))]
            assert [r.code for r in opend.requests if r.proto_id == 3212] == ["HK.00700"]
            assert client.quota.available == 29
    by_code = {outcome.code: outcome for outcome in outcomes}
    assert len(by_code) == len(outcomes) == len(wanted)
    assert by_code.pop("HK.00700").error is None
    for code, reason, suggestion in BAD:
        outcome = by_code[code if isinstance(code, str) else repr(code)]
        assert outcome.value is None
        assert isinstance(outcome.error, InvalidCode)
        assert outcome.error.reason.startswith(reason)
        assert outcome.error.suggestion == suggestion


def test_a_market_given_by_its_name_is_that_market() -> None:
    wrong: Any = Security
    assert Security.parse(wrong("HK", "00700")) == Security(Market.HK, "00700")
    assert str(wrong("HK", "00700")) == "HK.00700"
    for market in (1, None, "hk"):
        with pytest.raises(InvalidCode, match=rf"invalid code '{market}\.00700'"):
            Security.parse(wrong(market, "00700"))
