"""The errors that replies report, read without loading protobuf where they are written as usual."""

from __future__ import annotations

import re

from ..errors import BackendError, OpenDError, QuotaExceeded, UnknownSecurity, UnsupportedSecurity
from .wire_format import UnusualMessage, decode_fields

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


def read_failure(body: bytes, code: str | None) -> OpenDError | None:
    """Return the error that a reply reports; None if it reports none, or protobuf must read it."""
    try:
        fields = decode_fields(body)
    except UnusualMessage:
        return None
    match [fields.get(1), fields.get(2, b""), fields.get(3, 0), fields.get(4)]:
        case [int(ret_type), bytes(ret_msg), int(err_code), None] if ret_type != SUCCESS:
            numbers = [_signed(ret_type), _signed(err_code)]
            if all(-(2**31) <= number < 2**31 for number in numbers):
                return error_from_response(numbers[0], ret_msg, numbers[1], code)
    return None


def text_of(raw: str | bytes) -> str:
    """Return a string field as str. Protobuf's fast parser returns invalid UTF-8 as bytes."""
    return raw if isinstance(raw, str) else raw.decode(errors="replace")


def error_from_response(
    ret_type: int, ret_msg: str | bytes, err_code: int, code: str | None = None
) -> OpenDError:
    """Build the error for a response whose ``ret_type`` is not success."""
    ret_msg = text_of(ret_msg)
    if ret_type in (TIMED_OUT, DISCONNECTED):
        return BackendError(ret_type, ret_msg, err_code, code)
    kind = next((kind for text, kind in _ERROR_TEXTS if re.search(text, ret_msg)), OpenDError)
    return kind(ret_type, ret_msg, err_code, code)


def _signed(number: int) -> int:
    """Return what a number of 64 bits stands for in two's complement."""
    return number - 2**64 if number >= 2**63 else number
