"""Decoding replies into a user's own classes."""

from __future__ import annotations

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from aiocapdist._pb import common_pb2, global_state_pb2, keep_alive_pb2
from aiocapdist._protocol.global_state import decode_global_state
from aiocapdist._protocol.response import decode_message
from aiocapdist.errors import BackendError, OpenDError, ProtocolError, QuotaExceeded

from .peer import alive, raw_text


def test_a_success_is_decoded_into_the_users_class() -> None:
    message = decode_message(alive(), keep_alive_pb2.Response)
    assert isinstance(message, keep_alive_pb2.Response)
    assert message.s2c.time == 1_760_000_000


@pytest.mark.parametrize(
    ("ret_type", "text", "kind"),
    [(-1, "no", OpenDError), (-1, "too frequent", QuotaExceeded), (-200, "", BackendError)],
)
def test_a_failure_raises_its_error(ret_type: int, text: str, kind: type[OpenDError]) -> None:
    body = global_state_pb2.Response(retType=ret_type, retMsg=text, errCode=4).SerializeToString()
    with pytest.raises(OpenDError) as caught:
        decode_message(body, global_state_pb2.Response)
    error = caught.value
    assert type(error) is kind
    assert (error.ret_type, error.ret_msg, error.err_code, error.code) == (ret_type, text, 4, None)


def test_a_class_without_a_result_field_is_decoded() -> None:
    message = decode_message(raw_text(1, b"any"), StringValue)
    assert message.value == "any"


def test_a_failure_keeps_its_text_whatever_required_fields_are_missing() -> None:
    message = global_state_pb2.Response(retType=-1, retMsg="no")
    message.s2c.marketHK = 1  # and none of the others, which are required too
    body = message.SerializePartialToString()
    for read in (lambda: decode_message(body, type(message)), lambda: decode_global_state(body)):
        with pytest.raises(OpenDError) as caught:
            read()
        assert (caught.value.ret_type, caught.value.ret_msg) == (-1, "no")
    # Without retType it is no failure, although the default is -400.
    message.ClearField("retType")
    with pytest.raises(ProtocolError, match="lacks required fields: retType, "):
        decode_message(message.SerializePartialToString(), type(message))


def test_missing_required_fields_are_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="common.Security lacks required fields: market, code"):
        decode_message(b"", common_pb2.Security)
