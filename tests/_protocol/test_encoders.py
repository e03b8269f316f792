"""Encoding requests."""

from __future__ import annotations

import pytest

from aiocapdist._pb import capital_distribution_pb2, global_state_pb2, keep_alive_pb2
from aiocapdist._protocol.encoders import CapitalDistributionEncoder, encode_keep_alive
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
    assert question.security_firm == firm  # for the other requests of its gateway
    for code in ("HK.00700", "US.AAPL"):
        assert asked(question, code).header.securityFirm == firm


@pytest.mark.parametrize("firm", [None, *SecurityFirm, 3, 2**31 - 1])
@pytest.mark.parametrize("market", Market)
def test_the_bytes_are_those_of_protobuf(market: Market, firm: int | None) -> None:
    encoder = CapitalDistributionEncoder(firm)
    for symbol in (*("x" * length for length in range(1, 65)), "00700", "00001"):
        message = capital_distribution_pb2.Request()
        message.c2s.security.market, message.c2s.security.code = market, symbol
        if firm is not None:
            message.c2s.header.securityFirm = firm
        assert encoder.encode(Security(market, symbol)) == message.SerializeToString()


def test_two_encoders_do_not_interfere() -> None:
    one, other = CapitalDistributionEncoder(1), CapitalDistributionEncoder()
    asked(one, "HK.00700")
    assert not asked(other, "HK.00001").HasField("header")
    assert asked(one, "HK.00700").header.securityFirm == 1


def test_the_global_state_request_has_user_id_0() -> None:
    c2s = global_state_pb2.Request.FromString(encode_global_state()).c2s
    assert (c2s.HasField("userID"), c2s.userID) == (True, 0)


@pytest.mark.parametrize(
    ("utc", "seconds"), [(0.0, 0), (1_760_000_000.99, 1_760_000_000), (2.0**33, 2**33)]
)
def test_a_keep_alive_has_whole_seconds(utc: float, seconds: int) -> None:
    assert keep_alive_pb2.Request.FromString(encode_keep_alive(utc)).c2s.time == seconds
