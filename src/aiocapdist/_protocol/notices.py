"""Decode notices (push 1003), with all fields that are in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from .._pb import notify_pb2
from ..errors import ProtocolError
from ..events import GatewayEvent, Notice, NoticeType, ProgramStatus
from ..models._base import known
from .failures import SUCCESS, text_of
from .response import parse_response

MAX_UNKNOWN_FIELDS = 1000
"""Number of unknown fields kept of one message. As a Python object, a field of three bytes takes
eighty times that."""


def decode_notice(body: bytes) -> Notice:
    """Decode the body of a notice. Raises ProtocolError."""
    response = parse_response(notify_pb2.Response, body)
    if response.retType != SUCCESS or not response.HasField("s2c"):
        raise ProtocolError("a notice without content")
    s2c = response.s2c
    values: dict[str, Any] = {}
    if s2c.HasField("event"):
        values["gateway_event"] = known(GatewayEvent, s2c.event.eventType)
        values["text"] = text_of(s2c.event.desc)
    if s2c.HasField("programStatus"):
        status = s2c.programStatus.programStatus
        values["program_status"] = known(ProgramStatus, status.type)
        values["text"] = text_of(status.strExtDesc) or None
    if s2c.HasField("connectStatus"):
        values["quote_logged_in"] = s2c.connectStatus.qotLogined
        values["trade_logged_in"] = s2c.connectStatus.trdLogined
    if s2c.HasField("qotRight"):
        rights = _fields(s2c.qotRight)
        # An unknown field may be of any type; ``fields`` keeps it in any case.
        values["quote_rights"] = {
            name: value for name, value in rights.items() if isinstance(value, int)
        }
    if s2c.HasField("apiQuota"):
        values["subscription_quota"] = s2c.apiQuota.subQuota
        values["history_quota"] = s2c.apiQuota.historyKLQuota
    if s2c.HasField("usedQuota"):
        values["subscriptions_used"] = _optional(s2c.usedQuota, "usedSubQuota")
        values["history_used"] = _optional(s2c.usedQuota, "usedKLineQuota")
    return Notice.model_construct(  # valid as it is: validating would first build a schema
        type=known(NoticeType, s2c.type), fields=_fields(s2c), **values
    )


def _optional(message: Message, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None


def _fields(message: Message) -> dict[str, Any]:
    """Return all fields of a message: known ones by name, others by number."""
    fields = {descriptor.name: _plain(value) for descriptor, value in message.ListFields()}
    return {**fields, **_unknown(UnknownFieldSet(message))}


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return _fields(value)
    return text_of(value) if isinstance(value, str | bytes) else value


def _unknown(fields: UnknownFieldSet, budget: Iterator[int] | None = None) -> dict[str, Any]:
    """Return unknown fields by number. Without their types, values are numbers, bytes or dicts.

    A field that occurs several times is a list. ``budget`` is shared with nested messages.
    """
    found: dict[str, list[Any]] = {}
    budget = iter(range(MAX_UNKNOWN_FIELDS)) if budget is None else budget
    for index, _ in zip(range(len(fields)), budget, strict=False):
        field = fields[index]
        nested = isinstance(field.data, UnknownFieldSet)
        value = _unknown(field.data, budget) if nested else field.data
        found.setdefault(str(field.field_number), []).append(value)
    return {number: values[0] if len(values) == 1 else values for number, values in found.items()}
