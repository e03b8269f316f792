"""Decoding notices: typed fields, and unknown ones by number."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiocapdist import GatewayEvent, Notice, NoticeType, ProgramStatus
from aiocapdist._pb import notify_pb2
from aiocapdist._protocol.notices import decode_notice
from aiocapdist.errors import ProtocolError

from ..support.protobuf_bytes import field, raw_push, varint


def said(**s2c: Any) -> bytes:
    """Return the body of a push with this content."""
    body: bytes = notify_pb2.Response(retType=0, s2c=s2c).SerializeToString()
    return body


# What OpenD sends, and the attributes of the notice, without ``fields``.
SAID: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "kicked out": (
        {"type": 1, "event": {"eventType": 7, "desc": "该账号已在别处登录"}},
        {
            "type": NoticeType.GATEWAY_EVENT,
            "gateway_event": GatewayEvent.KICKED_OUT,
            "text": "该账号已在别处登录",
        },
    ),
    "force update": (
        {"type": 1, "event": {"eventType": 3, "desc": ""}},
        {
            "type": NoticeType.GATEWAY_EVENT,
            "gateway_event": GatewayEvent.FORCE_UPDATE,
            "text": "",
        },
    ),
    "a gateway event of a later OpenD": (
        {"type": 1, "event": {"eventType": 77, "desc": "new"}},
        {"type": NoticeType.GATEWAY_EVENT, "gateway_event": 77, "text": "new"},
    ),
    "program status": (
        {"type": 2, "programStatus": {"programStatus": {"type": 11, "strExtDesc": "bye"}}},
        {
            "type": NoticeType.PROGRAM_STATUS,
            "program_status": ProgramStatus.FORCED_LOGOUT,
            "text": "bye",
        },
    ),
    "a program status of a later OpenD, without words": (
        {"type": 2, "programStatus": {"programStatus": {"type": 99}}},
        {"type": NoticeType.PROGRAM_STATUS, "program_status": 99},
    ),
    "log-ins": (
        {"type": 3, "connectStatus": {"qotLogined": False, "trdLogined": True}},
        {
            "type": NoticeType.CONNECTION_STATUS,
            "quote_logged_in": False,
            "trade_logged_in": True,
        },
    ),
    "rights": (
        {"type": 4, "qotRight": {"hkQotRight": 3, "hasUSOptionQotRight": True}},
        {
            "type": NoticeType.QUOTE_RIGHTS,
            "quote_rights": {"hkQotRight": 3, "hasUSOptionQotRight": True},
        },
    ),
    "quotas": (
        {"type": 6, "apiQuota": {"subQuota": 300, "historyKLQuota": 100}},
        {"type": NoticeType.API_QUOTA, "subscription_quota": 300, "history_quota": 100},
    ),
    "one of the used quotas": (
        {"type": 7, "usedQuota": {"usedSubQuota": 0}},
        {"type": NoticeType.USED_QUOTA, "subscriptions_used": 0},
    ),
    "a notice of a later OpenD": ({"type": 42}, {"type": 42}),
}


@pytest.mark.parametrize(("s2c", "told"), SAID.values(), ids=SAID)
def test_a_notice_has_the_fields_of_its_type_and_none_elsewhere(
    s2c: dict[str, Any], told: dict[str, Any]
) -> None:
    notice = decode_notice(said(**s2c))
    others = dict.fromkeys(Notice.model_fields)
    assert dict(notice) == {**others, **told, "fields": s2c}
    # 7 == GatewayEvent.KICKED_OUT: that it is a member, equality does not tell.
    for name, value in told.items():
        assert type(getattr(notice, name)) is type(value)


def test_unknown_enum_values_and_fields_keep_their_numbers() -> None:
    group = varint(21 << 3 | 3) + field(1, 5) + field(1, 6) + varint(21 << 3 | 4)
    fixed = varint(22 << 3 | 5) + (1).to_bytes(4, "little")
    later = raw_push(field(1, 9) + field(6, b"level") + field(20, 1) + field(20, 2) + group + fixed)
    fields = decode_notice(later).fields
    assert fields == {"type": 9, "6": b"level", "20": [1, 2], "21": {"1": [5, 6]}, "22": 1}


def test_a_known_part_of_a_notice_may_hold_unknown_fields() -> None:
    rights = field(4, 2) + field(90, 7) + field(91, b"\xff words")
    notice = decode_notice(raw_push(field(1, 4) + field(5, rights)))
    assert notice.quote_rights == {"hkQotRight": 2, "90": 7}
    assert notice.fields["qotRight"] == {"hkQotRight": 2, "90": 7, "91": b"\xff words"}


@pytest.mark.parametrize(
    "s2c",
    [
        field(1, 1) + field(2, field(1, 7) + field(2, b"out \xff\xfe!")),
        field(1, 2) + field(3, field(1, field(1, 11) + field(2, b"out \xff\xfe!"))),
    ],
    ids=["gateway event", "program status"],
)
def test_texts_that_are_not_utf_8_are_decoded_with_replacements(s2c: bytes) -> None:
    notice = decode_notice(raw_push(s2c))
    assert notice.text == "out \ufffd\ufffd!"
    assert "b'" not in repr(notice.fields), "no bytes where a text belongs"


def test_any_notice_has_a_repr_and_can_be_dumped() -> None:
    notice = decode_notice(raw_push(field(1, 9) + field(90, b"\xff\x00")))
    assert json.loads(notice.model_dump_json())["fields"] == {"type": 9, "90": "ff00"}
    assert pickle.loads(pickle.dumps(notice)) == notice


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"HTTP/1.1 200 OK",
        notify_pb2.Response(retType=0).SerializeToString(),
        notify_pb2.Response(retType=-1, retMsg="no").SerializeToString(),
        notify_pb2.Response(retType=-1, s2c={"type": 1}).SerializeToString(),
        raw_push(b""),
        raw_push(field(1, 1) + field(2, field(1, 7))),
        said(type=1)[:-1],
    ],
    ids=[
        *("empty", "garbage", "text", "success that says nothing", "refusal"),
        *("refusal with a notice", "no type", "an event without words", "cut short"),
    ],
)
def test_a_body_that_is_no_notice_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_notice(body)


_numbers = st.integers(0, 2**64 - 1)
_leaves = _numbers | st.integers(0, 20) | st.binary(max_size=12)


def _message(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Return messages with the field numbers of a notice, and some more."""
    one = st.builds(field, st.integers(1, 30), inner)
    return st.lists(one, max_size=5).map(b"".join)


@settings(max_examples=300)
@given(st.binary() | st.recursive(_leaves, _message, max_leaves=25).filter(bytes.__instancecheck__))
def test_arbitrary_bytes_raise_a_protocol_error_only(body: bytes) -> None:
    for pushed in (body, raw_push(body), raw_push(field(1, 4) + body)):
        try:
            notice = decode_notice(pushed)
        except ProtocolError:
            continue
        notice.model_dump_json()
        # Made without validation, it is the validated one.
        given_fields = {name: getattr(notice, name) for name in notice.model_fields_set}
        assert repr(Notice.model_validate(given_fields)) == repr(notice)
