"""OpenD's error texts in both languages become error classes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiocapdist._pb import capital_distribution_pb2
from aiocapdist._protocol import decoders
from aiocapdist._protocol.decoders import decode_capital_distribution
from aiocapdist._protocol.failures import error_from_response
from aiocapdist._protocol.figures import parse_figures
from aiocapdist._protocol.wire_format import encode_fields
from aiocapdist.errors import (
    AiocapdistError,
    BackendError,
    OpenDError,
    QuotaExceeded,
    UnknownSecurity,
    UnsupportedSecurity,
)
from aiocapdist.models import Security

from .peer import needs_fast_protobuf, raw_text


def refused(**fields: Any) -> OpenDError:
    """Return the error that a reply about HK.00700 with these fields raises."""
    body = capital_distribution_pb2.Response(**fields).SerializeToString()
    return refused_by(body)


def refused_by(body: bytes) -> OpenDError:
    with pytest.raises(OpenDError) as caught:
        decode_capital_distribution(body, "HK.00700", Security.parse("HK.00700"))
    return caught.value


KINDS = [
    ("获取资金分布频率太高，请求失败，每30秒最多30次。", QuotaExceeded),  # noqa: RUF001
    ("每60秒最多10次", QuotaExceeded),
    ("请求过多, 每 30 秒最多 30 次", QuotaExceeded),
    ("Get Capital Distribution is too frequent, request failed, no more than", QuotaExceeded),
    ("TOO FREQUENT", QuotaExceeded),
    ("未知股票 00000", UnknownSecurity),
    ("Unknown stock 00000", UnknownSecurity),
    ("暂不支持该品种", UnsupportedSecurity),
    ("该接口仅支持正股、窝轮和基金", UnsupportedSecurity),
    ("This security is not supported", UnsupportedSecurity),
    ("This API only supports stocks", UnsupportedSecurity),
    ("NN_ProtoRet_TimeOut", BackendError),
    ("NN_ProtoRet_SvrFailed", BackendError),
    ("NN_ProtoRet_ByDisConnOrCacnel", BackendError),
    ("NN_ProtoRet_ByDisConnOrCancel", BackendError),
    ("没有权限", OpenDError),
    ("", OpenDError),
]


@pytest.mark.parametrize(("text", "kind"), KINDS)
def test_a_failure_is_classified_by_its_text_in_both_languages(
    text: str, kind: type[OpenDError]
) -> None:
    error = refused(retType=-1, retMsg=text, errCode=12)
    assert type(error) is kind
    told = (error.ret_type, error.ret_msg, error.err_code, error.code)
    assert told == (-1, text, 12, "HK.00700")


@pytest.mark.parametrize("text", ["", "unknown stock", "too frequent"])
@pytest.mark.parametrize("ret_type", [-100, -200])
def test_a_timeout_or_disconnection_behind_opend_is_a_backend_error(
    ret_type: int, text: str
) -> None:
    error = refused(retType=ret_type, retMsg=text)
    assert type(error) is BackendError
    assert (error.ret_type, error.ret_msg, error.code) == (ret_type, text, "HK.00700")


@pytest.mark.parametrize("ret_type", [1, -400, -500, 2**31 - 1, -(2**31)])
def test_any_other_result_is_a_plain_opend_error(ret_type: int) -> None:
    error = refused(retType=ret_type)
    assert type(error) is OpenDError
    assert (error.ret_type, error.ret_msg, error.err_code) == (ret_type, "", 0)
    assert str(error) == f"HK.00700: OpenD answered {ret_type}: no reason given"


def test_a_failure_keeps_its_text_whatever_required_fields_are_missing() -> None:
    message = capital_distribution_pb2.Response(retType=-1, retMsg="unknown stock")
    message.s2c.capitalInBig = 1.0  # and none of the others, which are required too
    error = refused_by(message.SerializePartialToString())
    assert (type(error), error.ret_msg) == (UnknownSecurity, "unknown stock")


def test_a_failure_of_a_request_without_a_security_has_no_code() -> None:
    assert error_from_response(-1, "no", 3).code is None


@needs_fast_protobuf
def test_a_text_that_is_not_utf_8_is_still_a_failure() -> None:
    body = capital_distribution_pb2.Response(retType=-1).SerializeToString()
    error = refused_by(body + raw_text(2, "频率太高".encode("gbk")))
    assert error.ret_type == -1
    assert "�" in error.ret_msg


@pytest.mark.parametrize("ret_type", [-1, 1, -100, -(2**31), 2**31 - 1])
@pytest.mark.parametrize("more", [{}, {"retMsg": "no"}, {"errCode": -7}, {"errCode": 2**31 - 1}])
def test_a_failure_needs_no_protobuf(
    ret_type: int, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading it when one of many codes is unknown would hold up the loop for 15 ms."""
    monkeypatch.setattr(decoders, "_parser", None)
    error = refused(retType=ret_type, **more)
    fields = {"retMsg": error.ret_msg, "errCode": error.err_code}
    assert (error.ret_type, fields) == (ret_type, {"retMsg": "", "errCode": 0, **more})


def assert_read_as_by_protobuf(body: bytes) -> None:
    with pytest.raises(AiocapdistError) as wanted:
        parse_figures(body, "HK.00700")
    with pytest.raises(AiocapdistError) as got:
        decode_capital_distribution(body, "HK.00700", Security.parse("HK.00700"))
    assert (got.type, vars(got.value)) == (wanted.type, vars(wanted.value))
    assert str(got.value) == str(wanted.value)


numbers = st.one_of(st.integers(-500, 3), st.sampled_from([-(2**31), 2**31 - 1]))
failures = st.fixed_dictionaries(
    {}, optional={"retType": numbers, "retMsg": st.sampled_from([*dict(KINDS)]), "errCode": numbers}
)


@needs_fast_protobuf
@settings(max_examples=120)
@given(failures, st.booleans(), st.data())
def test_a_failure_is_what_protobuf_reads(
    fields: dict[str, Any], figures: bool, data: st.DataObject
) -> None:
    message = capital_distribution_pb2.Response(**fields)
    if figures:
        message.s2c.capitalInBig = 1.0
    body = bytearray(message.SerializePartialToString())
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=2))
    assert_read_as_by_protobuf(bytes(body))


@needs_fast_protobuf
@pytest.mark.parametrize("number", [2**31, 2**32 - 1, 2**32 + 5, 2**63, -(2**31) - 1, -(2**32)])
def test_a_number_over_32_bits_is_what_protobuf_cuts_it_down_to(number: int) -> None:
    assert_read_as_by_protobuf(encode_fields({1: number}))
    assert_read_as_by_protobuf(encode_fields({1: -1, 3: number}))


def test_a_failure_with_damaged_figures_is_damaged() -> None:
    assert_read_as_by_protobuf(encode_fields({1: -1, 4: b"\xff"}))
