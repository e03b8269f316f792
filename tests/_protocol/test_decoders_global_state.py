"""Decoding replies to 1002, the global state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiocapdist._pb import global_state_pb2
from aiocapdist._protocol.global_state import decode_global_state
from aiocapdist.errors import AiocapdistError, BackendError, OpenDError, ProtocolError
from aiocapdist.models import GlobalState, MarketState

NEEDED: dict[str, Any] = {
    "marketHK": 5,
    "marketUS": 8,
    "marketSH": 6,
    "marketSZ": 3,
    "marketHKFuture": 15,
    "qotLogined": True,
    "trdLogined": False,
    "serverVer": 1011,
    "serverBuildNo": 7108,
    "time": 1_760_000_000,
}
OPTIONAL_MARKETS = {
    "marketUSFuture": "market_us_future",
    "marketSGFuture": "market_sg_future",
    "marketJPFuture": "market_jp_future",
    "marketSG": "market_sg",
    "marketMY": "market_my",
    "marketJP": "market_jp",
}


def response(**fields: Any) -> bytes:
    reply = global_state_pb2.Response(retType=0, s2c={**NEEDED, **fields})
    body: bytes = reply.SerializeToString()
    return body


def state(**fields: Any) -> GlobalState:
    return decode_global_state(response(**fields))


def test_required_fields_are_decoded_and_absent_ones_are_none() -> None:
    assert state().model_dump() == {
        "market_hk": MarketState.AFTERNOON,
        "market_us": MarketState.PRE_MARKET_BEGIN,
        "market_sh": MarketState.CLOSED,
        "market_sz": MarketState.MORNING,
        "market_hk_future": MarketState.FUTURE_DAY_OPEN,
        **dict.fromkeys(OPTIONAL_MARKETS.values()),
        "quote_logged_in": True,
        "trade_logged_in": False,
        "server_version": "10.11",
        "server_build": 7108,
        "server_time": datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC),
        "local_time": None,
        "program_status": None,
        "program_status_text": None,
        "conn_id": None,
    }


def test_each_optional_market_is_decoded_into_its_own_attribute() -> None:
    phases = {theirs: 10 + n for n, theirs in enumerate(OPTIONAL_MARKETS)}
    one = state(**phases)
    assert {theirs: getattr(one, ours) for theirs, ours in OPTIONAL_MARKETS.items()} == phases


def test_optional_fields_are_decoded() -> None:
    status = {"type": 11, "strExtDesc": "logged out"}
    one = state(programStatus=status, connID=2**64 - 1, localTime=1_760_000_000.5, serverVer=905)
    assert (one.program_status, one.program_status_text) == (11, "logged out")
    assert (one.conn_id, one.server_version) == (2**64 - 1, "9.05")
    assert one.local_time == datetime(2025, 10, 9, 8, 53, 20, 500_000, UTC)


@pytest.mark.parametrize("text", [{}, {"strExtDesc": ""}])
def test_a_program_status_may_have_no_text(text: dict[str, str]) -> None:
    one = state(programStatus={"type": 1234, **text})
    assert (one.program_status, one.program_status_text) == (1234, None)


@pytest.mark.parametrize("number", [7, 38, 99, -1, 2**31 - 1])
def test_an_unknown_market_state_stays_a_number(number: int) -> None:
    one = state(marketHK=number, marketJP=number)
    for phase in (one.market_hk, one.market_jp):
        assert phase == number
        assert not isinstance(phase, MarketState)


@pytest.mark.parametrize("phase", MarketState)
def test_a_known_market_state_is_a_member(phase: MarketState) -> None:
    one = state(marketHK=int(phase), marketSG=int(phase))
    assert one.market_hk is phase
    assert one.market_sg is phase  # also 0, which is not the same as not told


@pytest.mark.parametrize("seconds", [253_402_300_800, -(10**12), 2**62, -(2**63)])
def test_a_server_time_out_of_range_is_a_protocol_error(seconds: int) -> None:
    with pytest.raises(ProtocolError, match=f"time {seconds} is out of range"):
        state(time=seconds)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e300, -1e13])
def test_a_local_time_out_of_range_is_none(seconds: float) -> None:
    assert state(localTime=seconds).local_time is None


@pytest.mark.parametrize(
    ("ret_type", "text", "kind"),
    [(-1, "no", OpenDError), (-100, "", BackendError), (-1, "NN_ProtoRet_TimeOut", BackendError)],
)
def test_the_error_of_a_failure_has_no_code(
    ret_type: int, text: str, kind: type[OpenDError]
) -> None:
    reply = global_state_pb2.Response(retType=ret_type, retMsg=text, errCode=5)
    with pytest.raises(OpenDError) as caught:
        decode_global_state(reply.SerializeToString())
    error = caught.value
    assert type(error) is kind
    assert (error.ret_type, error.ret_msg, error.err_code, error.code) == (ret_type, text, 5, None)


def test_a_success_without_a_state_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="reports success but is empty"):
        decode_global_state(b"\x08\x00")


@pytest.mark.parametrize("field", NEEDED)
def test_the_error_names_a_missing_required_field(field: str) -> None:
    reply = global_state_pb2.Response.FromString(response())
    reply.s2c.ClearField(field)
    with pytest.raises(ProtocolError, match=rf"lacks required fields: s2c\.{field}$"):
        decode_global_state(reply.SerializePartialToString())


@settings(max_examples=200)
@given(st.data())
def test_arbitrary_bytes_raise_documented_errors_only(data: st.DataObject) -> None:
    good = response(localTime=1.0, programStatus={"type": 1, "strExtDesc": "text"})
    body = bytearray(data.draw(st.binary(max_size=40) | st.just(good)))
    for _ in range(data.draw(st.integers(0, 3)) if body else 0):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        one = decode_global_state(bytes(body))
    except AiocapdistError:
        return
    assert one.server_time.tzinfo is UTC
    validated = GlobalState.model_validate(dict(one))
    assert (repr(one), one.model_fields_set) == (repr(validated), validated.model_fields_set)
