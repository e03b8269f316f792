"""Encoding requests."""

from __future__ import annotations

import pytest

from aiocapdist._pb import capital_distribution_pb2, global_state_pb2, keep_alive_pb2
from aiocapdist._protocol.encoders import _REUSES, CapitalDistributionEncoder, encode_keep_alive
from aiocapdist._protocol.global_state import encode_global_state
from aiocapdist.models import Market, Security, SecurityFirm


def asked(question: CapitalDistributionEncoder, code: str) -> capital_distribution_pb2.C2S:
    return capital_distribution_pb2.Request.FromString(question.encode(Security.parse(code))).c2s


@pytest.mark.parametrize(
    ("code", "market", "symbol"),
    [
        ("HK.00700", Market.HK, "00700"),
        ("US..DJI", Market.US, ".DJI"),
        ("US.BRK.B", Market.US, "BRK.B"),
        ("SZ.000001", Market.SZ, "000001"),
    ],
)
def test_a_request_names_one_security(code: str, market: Market, symbol: str) -> None:
    c2s = asked(CapitalDistributionEncoder(), code)
    assert (c2s.security.market, c2s.security.code) == (market, symbol)
    assert not c2s.HasField("header")


def test_nothing_of_one_request_is_left_in_the_next() -> None:
    question = CapitalDistributionEncoder()
    asked(question, "US.A_LONG_CODE")
    c2s = asked(question, "HK.00001")
    assert (c2s.security.market, c2s.security.code) == (Market.HK, "00001")
    assert question.encode(Security.parse("HK.00001")) == b"\n\x0b\n\t\x08\x01\x12\x0500001"


@pytest.mark.parametrize("firm", SecurityFirm)
def test_each_request_names_the_security_firm_if_given(firm: SecurityFirm) -> None:
    question = CapitalDistributionEncoder(firm)
    for code in ("HK.00700", "US.AAPL"):
        assert asked(question, code).header.securityFirm == firm


@pytest.mark.parametrize("firm", [None, SecurityFirm.FUTUINC, 3])
def test_the_reused_message_is_replaced_and_encodes_the_same(
    firm: int | None,
) -> None:
    question = CapitalDistributionEncoder(firm)
    first, messages = question.encode(Security.parse("HK.00700")), [question._request]
    assert first == CapitalDistributionEncoder(firm).encode(Security.parse("HK.00700"))
    for _ in range(2 * _REUSES):
        assert question.encode(Security.parse("HK.00700")) == first
        if question._request is not messages[-1]:
            messages.append(question._request)
    assert len(messages) == 3, "kept for as many questions as are allowed, and no longer"


def test_two_encoders_do_not_interfere() -> None:
    one, other = CapitalDistributionEncoder(1), CapitalDistributionEncoder()
    asked(one, "HK.00700")
    assert not asked(other, "HK.00001").HasField("header")
    assert asked(one, "HK.00700").header.securityFirm == 1


def test_the_global_state_request_has_user_id_0() -> None:
    c2s = global_state_pb2.Request.FromString(encode_global_state()).c2s
    assert (c2s.HasField("userID"), c2s.userID) == (True, 0)


@pytest.mark.parametrize(("utc", "seconds"), [(0.0, 0), (1_760_000_000.99, 1_760_000_000)])
def test_a_keep_alive_has_whole_seconds(utc: float, seconds: int) -> None:
    assert keep_alive_pb2.Request.FromString(encode_keep_alive(utc)).c2s.time == seconds
