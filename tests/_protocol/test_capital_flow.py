"""Capital flow (3211): requests, and reading replies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocapdist._pb import capital_flow_pb2 as pb
from aiocapdist._protocol.capital_flow import decode_capital_flow, encode_capital_flow
from aiocapdist._protocol.catalog import MAX_BODY
from aiocapdist.errors import AiocapdistError, BackendError, ProtocolError, QuotaExceeded
from aiocapdist.models import CapitalFlow, FlowPoint, Market, Period, Security

from .peer import needs_fast_protobuf, raw_text

STAMP = 1_760_000_000.0  # 2025-10-09 16:53:20 in Hong Kong, 04:53:20 in New York
AT = datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)
TIERS = {
    "main_in_flow": "mainInFlow",
    "super_in_flow": "superInFlow",
    "big_in_flow": "bigInFlow",
    "mid_in_flow": "midInFlow",
    "sml_in_flow": "smlInFlow",
}


def reply(*items: dict[str, Any], **s2c: Any) -> bytes:
    """Body of a successful reply with these rows."""
    response = pb.Response(retType=0, s2c={"flowItemList": items, **s2c})
    return response.SerializeToString()


def read(body: bytes, code: str = "HK.00700", period: Period = Period.DAY) -> CapitalFlow:
    return decode_capital_flow(body, code, Security.parse(code), period)


def point(item: Mapping[str, object], code: str = "HK.00700") -> FlowPoint:
    """The one row of a reply."""
    (one,) = read(reply({"inFlow": 1.0, **item}), code).points
    return one


# Requests


@pytest.mark.parametrize("period", Period)
def test_a_request_names_security_and_period_and_nothing_else(period: Period) -> None:
    request = pb.Request.FromString(encode_capital_flow(Security(Market.US, "BRK.B"), period))
    assert request == pb.Request(
        c2s={"security": {"market": 11, "code": "BRK.B"}, "periodType": int(period)}
    )


def test_a_request_has_its_dates_and_broker() -> None:
    body = encode_capital_flow(
        Security(Market.HK, "00700"), Period.WEEK, "2025-01-02", "2025-03-04", 1
    )
    c2s = pb.Request.FromString(body).c2s
    assert (c2s.beginTime, c2s.endTime, c2s.header.securityFirm) == ("2025-01-02", "2025-03-04", 1)
    only_start = pb.Request.FromString(
        encode_capital_flow(Security(Market.HK, "00700"), Period.DAY, "2025-01-02")
    )
    assert only_start.c2s.HasField("beginTime")
    assert not only_start.c2s.HasField("endTime")


# Rows


def test_each_field_is_decoded_into_its_own_attribute() -> None:
    amounts = {theirs: 2.0**n for n, theirs in enumerate(TIERS.values())}
    got = point({**amounts, "inFlow": -0.125, "time": "2025-10-09 16:53:00", "timestamp": STAMP})
    assert {ours: getattr(got, ours) for ours in TIERS} == {
        ours: amounts[theirs] for ours, theirs in TIERS.items()
    }
    assert (got.in_flow, got.time, got.at) == (-0.125, "2025-10-09 16:53:00", AT)
    assert got.day == date(2025, 10, 9)


def test_what_is_absent_is_none_and_a_zero_is_a_zero() -> None:
    empty = point({})
    assert [getattr(empty, ours) for ours in TIERS] == [None] * 5
    assert (empty.time, empty.at, empty.day) == (None, None, None)
    zero = point(dict.fromkeys(TIERS.values(), 0.0))
    assert [getattr(zero, ours) for ours in TIERS] == [0.0] * 5


def test_rows_keep_their_order_and_are_never_added_up() -> None:
    amounts = [3.0, -1.5, 1000.125, 1000.125]
    got = read(reply(*({"inFlow": amount} for amount in amounts)), period=Period.INTRADAY)
    assert [row.in_flow for row in got.points] == amounts


def test_a_flow_without_rows_is_empty() -> None:
    got = read(reply(), "US.AAPL", Period.INTRADAY)
    assert got == CapitalFlow(code="US.AAPL", market=Market.US, period=Period.INTRADAY)


def test_the_last_valid_time_is_read() -> None:
    got = read(reply(lastValidTime="2025-10-09 16:53:20", lastValidTimestamp=STAMP))
    assert (got.last_valid_time, got.last_valid_at) == ("2025-10-09 16:53:20", AT)
    assert read(reply(lastValidTime="")).last_valid_time == ""


@pytest.mark.parametrize(
    ("code", "text", "stamp", "at", "day"),
    [
        ("HK.00700", "2025-10-09 16:53:20", 0.0, AT, date(2025, 10, 9)),
        ("HK.00700", "2025-10-08", 0.0, None, date(2025, 10, 8)),
        ("HK.00700", "09:31", STAMP, AT, date(2025, 10, 9)),
        ("HK.00700", "2025-02-30 00:00:00", 0.0, None, None),
        ("US.AAPL", "2025-10-08 16:00:00", 0.0, None, date(2025, 10, 8)),
        ("US.AAPL", "2025-10-08 16:00:00", STAMP, AT, date(2025, 10, 8)),
        ("US.AAPL", "", 1_760_068_800.0, datetime(2025, 10, 10, 4, tzinfo=UTC), date(2025, 10, 10)),
        (
            "US.AAPL",
            "",
            1_760_068_799.0,
            datetime(2025, 10, 10, 3, 59, 59, tzinfo=UTC),
            date(2025, 10, 9),
        ),
        ("CC.BTC", "", STAMP, AT, None),
        ("HK.00700", "", 1e300, None, None),
    ],
)
def test_a_row_has_its_time_in_utc_and_its_day_at_the_market(
    code: str, text: str, stamp: float, at: datetime | None, day: date | None
) -> None:
    got = point({"time": text, "timestamp": stamp}, code)
    assert (got.time, got.at, got.day) == (text, at, day)


def test_a_time_at_the_end_of_the_calendar_has_no_day_east_of_it() -> None:
    last = datetime(9999, 12, 31, 23, tzinfo=UTC)
    got = point({"timestamp": last.timestamp()})
    assert (got.at, got.day) == (last, None)


def test_without_a_time_zone_database_the_day_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    import zoneinfo

    def missing(key: str) -> object:
        raise zoneinfo.ZoneInfoNotFoundError(key)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", missing)
    assert point({"timestamp": STAMP}).day is None


# Invalid replies


@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf, 1.7e308])
@pytest.mark.parametrize("field", ["inFlow", *TIERS.values()])
def test_an_amount_that_is_no_finite_number_is_a_protocol_error(field: str, amount: float) -> None:
    with pytest.raises(ProtocolError, match=r"about HK\.00700 holds figures that are not finite"):
        point({field: amount})


def test_errors_of_opend_are_raised() -> None:
    refused = pb.Response(retType=-1, retMsg="请求失败，每30秒最多30次。")  # noqa: RUF001
    with pytest.raises(QuotaExceeded) as error:
        read(refused.SerializeToString())
    assert error.value.code == "HK.00700"
    with pytest.raises(BackendError):
        read(pb.Response(retType=-100).SerializeToString())


def test_success_without_content_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match=r"^the reply about HK\.00700 reports success but is"):
        read(pb.Response(retType=0).SerializeToString())


def test_a_row_without_its_amount_is_a_protocol_error() -> None:
    response = pb.Response(retType=0, s2c={"flowItemList": [{"time": "09:31"}]})
    with pytest.raises(
        ProtocolError, match=r"lacks required fields: s2c\.flowItemList\[0\]\.inFlow"
    ):
        read(response.SerializePartialToString())


@needs_fast_protobuf
def test_a_text_that_is_no_utf8_is_kept_as_far_as_it_can_be_read() -> None:
    item = pb.CapitalFlowItem(inFlow=1.0).SerializeToString() + raw_text(2, b"\xff09:31")
    s2c = raw_text(1, item) + raw_text(2, b"\xfe")
    got = read(pb.Response(retType=0).SerializeToString() + raw_text(4, s2c))
    assert (got.points[0].time, got.last_valid_time) == ("\ufffd09:31", "\ufffd")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_flow_or_an_error_of_this_library(body: bytes) -> None:
    try:
        assert isinstance(read(body), CapitalFlow)
    except AiocapdistError:
        pass


def test_a_day_with_extended_hours_fits_into_the_cap() -> None:
    item = dict.fromkeys(("inFlow", "timestamp", *TIERS.values()), 1e300)
    day = reply(*([{**item, "time": "2025-10-09 16:53:20"}] * 24 * 60))
    assert len(day) < MAX_BODY[3211]
