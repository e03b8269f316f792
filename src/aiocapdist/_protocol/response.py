"""Parse protobuf responses."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from ..errors import ProtocolError
from .failures import SUCCESS, error_from_response

MessageT = TypeVar("MessageT", bound=Message)


def parse_response(kind: type[MessageT], body: bytes) -> MessageT:
    """Parse a body and check its required fields. Raises ProtocolError.

    A response that reports a failure may lack any other field: its text is what matters.
    """
    name = kind.DESCRIPTOR.full_name
    try:
        message = kind.FromString(body)
    except (DecodeError, UnicodeDecodeError):
        raise ProtocolError(f"a reply cannot be decoded as {name}") from None
    if not message.IsInitialized() and not _reports_failure(message):
        missing = ", ".join(message.FindInitializationErrors())  # type: ignore[attr-defined]
        raise ProtocolError(f"a reply of {name} lacks required fields: {missing}")
    return message


def decode_message(body: bytes, kind: type[MessageT]) -> MessageT:
    """Decode a reply that reports a success, into any message class.

    Raises OpenDError if it reports a failure, ProtocolError if it cannot be decoded.
    """
    message = parse_response(kind, body)
    ret_type = getattr(message, "retType", SUCCESS)
    if ret_type != SUCCESS:
        ret_msg, err_code = getattr(message, "retMsg", ""), getattr(message, "errCode", 0)
        raise error_from_response(ret_type, ret_msg, err_code)
    return message


def _reports_failure(message: Message) -> bool:
    fields = message.DESCRIPTOR.fields_by_name
    return (
        "retType" in fields and message.HasField("retType") and message.retType != SUCCESS  # type: ignore[attr-defined]
    )
