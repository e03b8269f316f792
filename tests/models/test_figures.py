"""Figures and what is computed from them, times, and market states."""

from __future__ import annotations

import json
import math
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from aiocapdist import (
    CapitalDistribution,
    GlobalState,
    InvalidCode,
    Market,
    MarketState,
    Outcome,
    Status,
)
from aiocapdist.models._base import known
from aiocapdist.models._times import moment
from aiocapdist.models.status import version_text

SIZES = ("super", "big", "mid", "small")


def made(**more: Any) -> CapitalDistribution:
    """Figures of which each number tells where it came from."""
    given: dict[str, Any] = {
        "code": "HK.00700",
        "market": Market.HK,
        "capital_in_super": 1000.0,
        "capital_in_big": 200.0,
        "capital_in_mid": 30.0,
        "capital_in_small": 4.0,
        "capital_out_super": 500.0,
        "capital_out_big": 60.0,
        "capital_out_mid": 7.0,
        "capital_out_small": 0.5,
    }
    return CapitalDistribution(**{**given, **more})


def test_totals_nets_and_ratio_are_computed() -> None:
    got = made()
    assert got.capital_in == 1234.0
    assert got.capital_out == 567.5
    assert got.net == 666.5
    assert (got.net_super, got.net_big, got.net_mid, got.net_small) == (500.0, 140.0, 23.0, 3.5)
    assert got.main_net == 640.0
    assert got.main_ratio == 640.0 / 1801.5


def test_absent_super_amounts_count_as_0_in_totals_and_their_net_is_none() -> None:
    got = made(capital_in_super=None, capital_out_super=None)
    assert got.net_super is None
    assert (got.capital_in, got.capital_out) == (234.0, 67.5)
    assert got.main_net == got.net_big == 140.0
    assert got.main_ratio == 140.0 / 301.5


@pytest.mark.parametrize(
    ("side", "main_net"), [("capital_in_super", -360.0), ("capital_out_super", 1140.0)]
)
def test_one_side_of_super_alone_counts_in_totals_and_its_net_is_none(
    side: str, main_net: float
) -> None:
    got = made(**{side: None})
    assert got.net_super is None
    assert got.main_net == main_net
    assert got.net == pytest.approx(main_net + 26.5)


def test_a_super_amount_of_0_is_not_absent() -> None:
    assert made(capital_in_super=0.0, capital_out_super=0.0).net_super == 0.0


def test_the_ratio_is_none_if_nothing_was_traded() -> None:
    nothing = {f"capital_{way}_{size}": 0.0 for way in ("in", "out") for size in SIZES}
    got = made(**nothing)
    assert got.main_ratio is None
    assert got.main_net == got.net == 0.0


AMOUNTS = st.floats(0, 1e13)


@given(st.lists(AMOUNTS, min_size=8, max_size=8))
@example([1e13, 0.0, 0.1, 1e-9, 0.0, 1e13, 0.3, 0.0])
def test_the_nets_add_up(amounts: list[float]) -> None:
    names = [f"capital_{way}_{size}" for way in ("in", "out") for size in SIZES]
    got = made(**dict(zip(names, amounts, strict=True)))
    assert got.net_super is not None
    near = 1e-12 * max(amounts, default=0.0) + 1e-12
    sizes = got.net_super + got.net_big + got.net_mid + got.net_small
    assert got.net == pytest.approx(sizes, abs=near)
    assert got.net == pytest.approx(math.fsum(amounts[:4]) - math.fsum(amounts[4:]), abs=near)
    assert got.main_net + got.net_mid + got.net_small == pytest.approx(got.net, abs=near)
    if got.main_ratio is not None:
        assert -1.0 <= got.main_ratio <= 1.0


def test_figures_cannot_be_changed() -> None:
    got = made()
    with pytest.raises(ValidationError, match="frozen"):
        got.capital_in_big = 1.0
    assert hash(got) == hash(made())
    assert got == made()
    assert got != made(capital_in_mid=31.0)


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="capital_in_huge"):
        made(capital_in_huge=1.0)


def test_json_has_computed_fields_and_iso_times() -> None:
    at = datetime(2024, 5, 6, 16, 0, tzinfo=timezone(timedelta(hours=8)))
    got = made(update_time="2024-05-06 16:00:00", updated_at=at.astimezone(UTC))
    told = json.loads(got.model_dump_json())
    assert told["updated_at"] == "2024-05-06T08:00:00Z"
    assert told["update_time"] == "2024-05-06 16:00:00"
    assert told["net_super"] == 500.0
    computed = ["capital_in", "capital_out", "net", *(f"net_{size}" for size in SIZES)]
    computed += ["main_net", "main_ratio"]
    assert list(told)[-len(computed) :] == computed
    assert {name: told[name] for name in computed} == {
        name: getattr(got, name) for name in computed
    }


def test_figures_can_be_read_back_from_json_and_pickles() -> None:
    got = made(capital_out_super=None, updated_at=datetime(2024, 5, 6, tzinfo=UTC))
    written = got.model_dump_json(round_trip=True)
    assert CapitalDistribution.model_validate_json(written) == got
    assert pickle.loads(pickle.dumps(got)) == got


def test_an_outcome_unwraps_to_its_value_or_raises_its_error() -> None:
    got = made()
    assert Outcome("HK.00700", got).unwrap() is got
    error = InvalidCode("x", "it has no market")
    with pytest.raises(InvalidCode) as raised:
        Outcome("x", error=error).unwrap()
    assert raised.value is error
    with pytest.raises(AttributeError):
        Outcome("x", error=error).code = "y"  # type: ignore[misc]


STAMP = 1_715_000_000.0
AT_STAMP = datetime.fromtimestamp(STAMP, UTC)
TEXT = "2024-05-06 16:00:00"
AT_TEXT = datetime(2024, 5, 6, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("market", Market)
def test_the_timestamp_is_used_whatever_the_text_is(market: Market) -> None:
    assert moment(market, STAMP, "1999-01-01 00:00:00") == AT_STAMP
    assert moment(market, STAMP, "nonsense") == AT_STAMP
    assert moment(market, STAMP, None) == AT_STAMP


@pytest.mark.parametrize("market", Market)
def test_the_text_is_used_only_if_its_zone_is_known(market: Market) -> None:
    sure = market in (Market.HK, Market.SH, Market.SZ)
    for stamp in (None, 0.0):
        assert moment(market, stamp, TEXT) == (AT_TEXT if sure else None)
        assert moment(market, stamp, None) is None
        assert moment(market, stamp, "") is None


@pytest.mark.parametrize(
    "text",
    # The last is a zero as some systems write it: eight hours earlier there was no year yet.
    ["16:00:00", "2024-05-06", "2024-13-06 16:00:00", "N/A", "x" * 9999, "0001-01-01 00:00:00"],
)
def test_a_malformed_text_is_no_time_and_no_error(text: str) -> None:
    assert moment(Market.HK, None, text) is None


@pytest.mark.parametrize("stamp", [math.nan, math.inf, -math.inf, 1e300, -1e300, 1.7e18, -1e12])
def test_an_impossible_timestamp_is_no_time_and_no_error(stamp: float) -> None:
    assert moment(Market.HK, stamp, None) is None


def test_a_time_before_1970_is_a_time() -> None:
    assert moment(Market.US, -1.0, None) == datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)


@given(st.sampled_from(Market), st.one_of(st.none(), st.floats()), st.one_of(st.none(), st.text()))
def test_a_time_is_none_or_aware_in_utc(market: Market, stamp: Any, text: Any) -> None:
    at = moment(market, stamp, text)
    assert at is None or at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("number", "text"), [(1011, "10.11"), (1005, "10.05"), (900, "9.00"), (1, "0.01")]
)
def test_version_numbers_have_their_usual_form(number: int, text: str) -> None:
    assert version_text(number) == text


def test_a_phase_without_a_name_stays_its_number() -> None:
    assert known(MarketState, 3) is MarketState.MORNING
    assert known(MarketState, 77) == 77
    phases: dict[str, Any] = {
        f"market_{market}": 77 for market in ("hk", "us", "sh", "sz", "hk_future")
    }
    state = GlobalState(
        **{**phases, "market_us": MarketState.CLOSED},
        quote_logged_in=True,
        trade_logged_in=False,
        server_version="10.11",
        server_build=1,
        server_time=AT_STAMP,
    )
    assert state.market_hk == 77
    assert state.market_us is MarketState.CLOSED
    assert state.market_us_future is None
    with pytest.raises(ValidationError, match="frozen"):
        state.market_hk = 1


RESTING = [
    2,
    4,
    6,
    8,
    9,
    10,
    11,
    12,
    14,
    16,
    17,
    18,
    20,
    22,
    24,
    26,
    27,
    28,
    29,
    31,
    32,
    33,
    34,
    37,
]


@pytest.mark.parametrize("phase", MarketState)
def test_a_market_rests_outside_its_regular_session(phase: MarketState) -> None:
    assert phase.is_resting is (phase.value in RESTING)


def test_every_number_up_to_37_has_a_name_but_7() -> None:
    assert [phase.value for phase in MarketState] == [n for n in range(38) if n != 7]


def test_the_state_of_a_client_is_one_of_four() -> None:
    given = dict.fromkeys(Status.model_fields)
    given |= {"transport": "tcp", "encrypted": False, "reconnects": 0, "calls": 0}
    given |= {"late_replies": 0}
    for state in ("connecting", "ready", "reconnecting", "closed"):
        assert Status(**{**given, "state": state}).state == state  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="state"):
        Status(**{**given, "state": "open"})  # type: ignore[arg-type]
