"""Parse protobuf responses, and build the error for one that reports a failure."""

from __future__ import annotations

import re
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from ..errors import (
    BackendError,
    OpenDError,
    ProtocolError,
    QuotaExceeded,
    UnknownSecurity,
    UnsupportedSecurity,
)

MessageT = TypeVar("MessageT", bound=Message)

# Values of retType.
SUCCESS = 0
TIMED_OUT = -100
DISCONNECTED = -200
UNKNOWN = -400

# OpenD's error numbers do not tell these apart, so its texts must. Their language is a setting
# of OpenD. The first match decides. Compiled when used, and kept by the module re.
_ERROR_TEXTS: tuple[tuple[str, type[OpenDError]], ...] = (
    (r"(?i)频率太高|每\s*\d+\s*秒最多|too frequent", QuotaExceeded),
    (r"(?i)未知股票|unknown stock", UnknownSecurity),
    (r"(?i)暂不支持|该接口仅支持|not support|only support", UnsupportedSecurity),
    (r"NN_ProtoRet_", BackendError),
)


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


def text_of(raw: str | bytes) -> str:
    """Return a string field as str. Protobuf's fast parser returns invalid UTF-8 as bytes."""
    return raw if isinstance(raw, str) else raw.decode(errors="replace")


def error_from_response(
    ret_type: int, ret_msg: str | bytes, err_code: int, code: str | None = None
) -> OpenDError:
    """Build the error for a response whose ``ret_type`` is not success."""
    ret_msg = text_of(ret_msg)
    kind = OpenDError
    if ret_type in (TIMED_OUT, DISCONNECTED):
        kind = BackendError
    else:
        kind = next((kind for text, kind in _ERROR_TEXTS if re.search(text, ret_msg)), OpenDError)
    return kind(ret_type, ret_msg, err_code, code)
