"""Refusals that lack what their messages require: they are refusals all the same.

Promise 3: a caller learns what OpenD said, not that it said it sloppily.
"""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from aiocapdist._pb import capital_distribution_pb2, global_state_pb2
from aiocapdist._protocol.decoders import decode_capital_distribution
from aiocapdist._protocol.global_state import decode_global_state
from aiocapdist._protocol.response import decode_message
from aiocapdist.errors import OpenDError, ProtocolError, QuotaExceeded
from aiocapdist.models import Market, Security

TENCENT = Security(Market.HK, "00700")


def refused(ret_type: int) -> bytes:
    """Return a response with some of the figures."""
    s2c = capital_distribution_pb2.S2C(capitalInBig=1.0)
    response = capital_distribution_pb2.Response(retType=ret_type, retMsg="too frequent", s2c=s2c)
    return response.SerializePartialToString()


def test_a_failure_with_half_of_the_figures_is_an_opend_error() -> None:
    with pytest.raises(QuotaExceeded, match=r"^HK\.00700: OpenD answered -1: too frequent$"):
        decode_capital_distribution(refused(-1), "HK.00700", TENCENT)
    with pytest.raises(QuotaExceeded, match="too frequent"):
        decode_message(refused(-1), capital_distribution_pb2.Response)


def test_a_success_with_half_of_the_figures_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="lacks required fields: s2c.capitalInMid"):
        decode_capital_distribution(refused(0), "HK.00700", TENCENT)


def test_undecodable_bytes_name_the_expected_message() -> None:
    with pytest.raises(ProtocolError, match=r"as aiocapdist\.capital_distribution\.Response"):
        decode_capital_distribution(b"\xff", "HK.00700", TENCENT)


def test_an_empty_global_state_has_an_error_of_its_own() -> None:
    empty = global_state_pb2.Response(retType=0).SerializePartialToString()
    with pytest.raises(ProtocolError) as error:
        decode_global_state(empty)
    assert str(error.value) == "the reply about the global state reports success but is empty"


def sparing() -> type[Message]:
    """Return a user's message class that has ``retType`` but no text."""
    file = descriptor_pb2.FileDescriptorProto(name="sparing.proto", package="tests.sparing")
    kind = descriptor_pb2.FieldDescriptorProto
    file.message_type.add(name="Response").field.add(
        name="retType", number=1, type=kind.TYPE_INT32, label=kind.LABEL_REQUIRED
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made = pool.FindMessageTypeByName("tests.sparing.Response")
    return message_factory.GetMessageClass(made)


def test_a_users_class_may_lack_text_and_number() -> None:
    kind = sparing()
    body = kind(retType=-7).SerializeToString()
    with pytest.raises(OpenDError) as error:
        decode_message(body, kind)
    assert (error.value.ret_type, error.value.ret_msg, error.value.err_code) == (-7, "", 0)
    assert str(error.value) == "OpenD answered -7: no reason given"
