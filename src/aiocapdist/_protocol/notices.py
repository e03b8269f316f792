"""Reading what OpenD says unasked (push 1003), and losing nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from .._pb import notify_pb2
from ..errors import ProtocolError
from ..events import GatewayEvent, Notice, NoticeType, ProgramStatus
from ..models._base import known
from .decoders import SUCCESS, parse_response, text_of

MOST_UNKNOWN = 1000
"""Fields without a name that are told of one message: as Python's objects, one of three bytes is
eighty times as large."""


def decode_notice(body: bytes) -> Notice:
    """The notice in a push; raises ProtocolError where there is none."""
    response = parse_response(notify_pb2.Response, body)
    if response.retType != SUCCESS or not response.HasField("s2c"):
        raise ProtocolError("a notice that says nothing")
    s2c = response.s2c
    told: dict[str, Any] = {}
    if s2c.HasField("event"):
        told["gateway_event"] = known(GatewayEvent, s2c.event.eventType)
        told["text"] = text_of(s2c.event.desc)
    if s2c.HasField("programStatus"):
        status = s2c.programStatus.programStatus
        told["program_status"] = known(ProgramStatus, status.type)
        told["text"] = text_of(status.strExtDesc) or None
    if s2c.HasField("connectStatus"):
        told["quote_logged_in"] = s2c.connectStatus.qotLogined
        told["trade_logged_in"] = s2c.connectStatus.trdLogined
    if s2c.HasField("qotRight"):
        rights = _fields(s2c.qotRight)
        # One that is new to us may be of any kind; in ``fields`` it stays all the same.
        told["quote_rights"] = {name: it for name, it in rights.items() if isinstance(it, int)}
    if s2c.HasField("apiQuota"):
        told["subscription_quota"] = s2c.apiQuota.subQuota
        told["history_quota"] = s2c.apiQuota.historyKLQuota
    if s2c.HasField("usedQuota"):
        told["subscriptions_used"] = _given(s2c.usedQuota, "usedSubQuota")
        told["history_used"] = _given(s2c.usedQuota, "usedKLineQuota")
    return Notice(type=known(NoticeType, s2c.type), fields=_fields(s2c), **told)


def _given(message: Message, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None


def _fields(message: Message) -> dict[str, Any]:
    """All that came: what this library knows by name, the rest by number."""
    fields = {descriptor.name: _told(value) for descriptor, value in message.ListFields()}
    return {**fields, **_unknown(UnknownFieldSet(message))}


def _told(value: Any) -> Any:
    if isinstance(value, Message):
        return _fields(value)
    return text_of(value) if isinstance(value, str | bytes) else value


def _unknown(fields: UnknownFieldSet, room: Iterator[int] | None = None) -> dict[str, Any]:
    """Fields without a name here, as they can be told without their types: numbers, bytes.

    One that came more than once is a list. ``room`` is used up by all that are nested too.
    """
    told: dict[str, list[Any]] = {}
    room = iter(range(MOST_UNKNOWN)) if room is None else room
    for index, _ in zip(range(len(fields)), room, strict=False):
        field = fields[index]
        inner = isinstance(field.data, UnknownFieldSet)
        value = _unknown(field.data, room) if inner else field.data
        told.setdefault(str(field.field_number), []).append(value)
    return {number: values[0] if len(values) == 1 else values for number, values in told.items()}
