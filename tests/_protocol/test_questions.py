"""Writing questions: models into bodies."""

from __future__ import annotations

import pytest

from aiocapdist._pb import capital_distribution_pb2, global_state_pb2, keep_alive_pb2
from aiocapdist._protocol.questions import (
    REUSED,
    CapitalDistributionQuestion,
    global_state_body,
    keep_alive_body,
)
from aiocapdist.models import Market, Security, SecurityFirm


def asked(question: CapitalDistributionQuestion, code: str) -> capital_distribution_pb2.C2S:
    return capital_distribution_pb2.Request.FromString(question.body(Security.parse(code))).c2s


@pytest.mark.parametrize(
    ("code", "market", "symbol"),
    [
        ("HK.00700", Market.HK, "00700"),
        ("US..DJI", Market.US, ".DJI"),
        ("US.BRK.B", Market.US, "BRK.B"),
        ("SZ.000001", Market.SZ, "000001"),
    ],
)
def test_a_question_names_one_security(code: str, market: Market, symbol: str) -> None:
    c2s = asked(CapitalDistributionQuestion(), code)
    assert (c2s.security.market, c2s.security.code) == (market, symbol)
    assert not c2s.HasField("header")


def test_nothing_of_one_question_stays_in_the_next() -> None:
    question = CapitalDistributionQuestion()
    asked(question, "US.A_LONG_CODE")
    c2s = asked(question, "HK.1")
    assert (c2s.security.market, c2s.security.code) == (Market.HK, "1")
    assert question.body(Security.parse("HK.1")) == b"\x0a\x07\x0a\x05\x08\x01\x12\x011"


@pytest.mark.parametrize("firm", SecurityFirm)
def test_each_question_names_the_broker_where_one_was_given(firm: SecurityFirm) -> None:
    question = CapitalDistributionQuestion(firm)
    for code in ("HK.00700", "US.AAPL"):
        assert asked(question, code).header.securityFirm == firm


@pytest.mark.parametrize("firm", [None, SecurityFirm.FUTUINC, 3])
def test_a_message_filled_often_enough_makes_way_for_another_that_writes_the_same(
    firm: int | None,
) -> None:
    question = CapitalDistributionQuestion(firm)
    first, messages = question.body(Security.parse("HK.00700")), [question._request]
    assert first == CapitalDistributionQuestion(firm).body(Security.parse("HK.00700"))
    for _ in range(2 * REUSED):
        assert question.body(Security.parse("HK.00700")) == first
        if question._request is not messages[-1]:
            messages.append(question._request)
    assert len(messages) == 3, "kept for as many questions as are allowed, and no longer"


def test_two_clients_questions_do_not_mix() -> None:
    one, other = CapitalDistributionQuestion(1), CapitalDistributionQuestion()
    asked(one, "HK.00700")
    assert not asked(other, "HK.00001").HasField("header")
    assert asked(one, "HK.00700").header.securityFirm == 1


def test_the_global_state_is_asked_for_user_0_outright() -> None:
    c2s = global_state_pb2.Request.FromString(global_state_body()).c2s
    assert (c2s.HasField("userID"), c2s.userID) == (True, 0)


@pytest.mark.parametrize(("utc", "seconds"), [(0.0, 0), (1_760_000_000.99, 1_760_000_000)])
def test_a_keep_alive_tells_whole_seconds(utc: float, seconds: int) -> None:
    assert keep_alive_pb2.Request.FromString(keep_alive_body(utc)).c2s.time == seconds
