"""The handshake over TCP is read and written without protobuf: both as protobuf does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiocapdist._pb import init_connect_pb2
from aiocapdist._protocol import init_connect
from aiocapdist._protocol.ciphers import Algorithm
from aiocapdist._protocol.init_connect import (
    CLIENT_VERSION,
    InitConnectReply,
    decode_init_connect,
    encode_init_connect,
)
from aiocapdist._protocol.wire_format import decode_fields, encode_fields
from aiocapdist.errors import AiocapdistError

from .peer import needs_fast_protobuf

pytestmark = needs_fast_protobuf

USUAL = {
    "serverVer": 1011,
    "loginUserID": 2**40,
    "connID": 2**63 + 5,
    "connAESKey": "0123456789abcdef",
    "keepAliveInterval": 10,
    "aesCBCiv": "fedcba9876543210",
    "userAttribution": 1,
}


def success(fields: dict[str, Any] = USUAL, **head: Any) -> bytes:
    s2c = init_connect_pb2.S2C(**fields)
    return init_connect_pb2.Response(retType=0, s2c=s2c, **head).SerializePartialToString()


def result(decode: Callable[[bytes], InitConnectReply], body: bytes) -> object:
    """Return the reply with its texts as bytes, or the error's kind and text."""
    try:
        reply = decode(body)
    except AiocapdistError as error:
        return type(error), str(error)
    texts = (text.encode() if isinstance(text, str) else text for text in (reply.key, reply.iv))
    return reply[:3], reply.keep_alive_interval, *texts


numbers = st.one_of(st.integers(0, 2**31 - 1), st.sampled_from([-1, -(2**31), 2**31 - 1]))
long_numbers = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([2**31, 2**64 - 1]))
HEADS: list[dict[str, Any]] = [{}, {"retMsg": "", "errCode": 0}, {"errCode": 4}]
replies = st.fixed_dictionaries(
    {},
    optional={
        "serverVer": numbers,
        "loginUserID": long_numbers,
        "connID": long_numbers,
        "connAESKey": st.text(max_size=20),
        "keepAliveInterval": numbers,
        "aesCBCiv": st.text(max_size=20),
        "userAttribution": numbers,
    },
)


@settings(max_examples=300)
@given(
    st.one_of(replies, st.just(USUAL)),
    st.sampled_from([{}, {"retMsg": "", "errCode": 0}, {"errCode": 4}]),
    st.data(),
)
def test_a_reply_is_what_protobuf_reads(
    fields: dict[str, Any], head: dict[str, Any], data: st.DataObject
) -> None:
    body = bytearray(success(fields, **head))
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=2))
    assert result(decode_init_connect, bytes(body)) == result(init_connect._parse, bytes(body))


@pytest.mark.parametrize("number", [1, 5])
@pytest.mark.parametrize("value", [2**31 - 1, 2**31, 2**32 - 1, 2**32 + 5])
def test_a_number_over_32_bits_is_what_protobuf_cuts_it_down_to(number: int, value: int) -> None:
    s2c = decode_fields(success())[4]
    assert isinstance(s2c, bytes)
    body = encode_fields({1: 0, 4: encode_fields({**decode_fields(s2c), number: value})})
    assert result(decode_init_connect, body) == result(init_connect._parse, body)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("absent", [(), ("aesCBCiv",), ("aesCBCiv", "userAttribution")])
def test_a_usual_reply_needs_no_protobuf(
    head: dict[str, Any], absent: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {name: value for name, value in USUAL.items() if name not in absent}
    monkeypatch.setattr(init_connect, "_parse", None)
    iv = str(fields.get("aesCBCiv", "")).encode()
    expected = InitConnectReply(1011, 2**40, 2**63 + 5, b"0123456789abcdef", 10, iv)
    assert decode_init_connect(success(fields, **head)) == expected


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("client_id", ["", "aiocapdist", "客户端", "x" * 333])
def test_a_request_is_what_protobuf_writes(client_id: str, algorithm: Algorithm) -> None:
    c2s = init_connect_pb2.C2S(
        clientVer=CLIENT_VERSION,
        clientID=client_id,
        recvNotify=True,
        packetEncAlgo=algorithm.value,
        pushProtoFmt=0,
        programmingLanguage="Python",
    )
    expected = init_connect_pb2.Request(c2s=c2s).SerializeToString()
    assert encode_init_connect(client_id, algorithm) == expected
