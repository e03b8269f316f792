"""Decode replies: protobuf bodies to models, failures to errors."""

from __future__ import annotations

import struct
from math import hypot
from typing import Any

from google.protobuf.message import DecodeError
from pydantic import ValidationError

from .._pb import capital_distribution_pb2
from ..errors import OpenDError, ProtocolError
from ..models import CapitalDistribution, Security
from ..models._base import construct
from ..models._times import moment
from .response import SUCCESS, MessageT, error_from_response, parse_response

# Looked up once: each lookup would cost as much per reply as decoding a field.
_decode = capital_distribution_pb2.Response.FromString
_FIELDS_SET = set(CapitalDistribution.model_fields)
_MAX_AMOUNT = 1e300  # see models.figures.Amount

# A success with all figures, as protobuf encodes it. Each value has its tag before it, those of the
# text its length too. Before the figures are the fields around them, of which two may be absent.
_LAYOUT = struct.Struct("<xdxdxdxdxdxd2x19sxdxdxd")
_SIZE = _LAYOUT.size
_HEADS = {
    b"\x08\x00" + ret_msg + err_code + bytes([0x22, _SIZE])
    for ret_msg in (b"", b"\x12\x00")
    for err_code in (b"", b"\x18\x00")
}
_unpack = _LAYOUT.unpack_from


def decode_capital_distribution(body: bytes, code: str, security: Security) -> CapitalDistribution:
    """Decode a reply to 3212.

    Raises OpenDError if it reports a failure, ProtocolError if it cannot be decoded, lacks
    figures, or holds figures that are not finite (or whose totals are not). An invalid time
    only leaves ``updated_at`` None.
    """
    # The usual layout is read directly, in a third of the time.
    usual = (
        body[:-_SIZE] in _HEADS
        and body[-102:-39:9] == b"\x09\x11\x19\x21\x29\x31\x3a"
        and body[-47] == 19
        and body[-27::9] == b"\x41\x49\x51"
    )
    values = _unpack(body, -_SIZE) if usual else _parse_figures(body, code)
    in_big, in_mid, in_small, out_big, out_mid, out_small, text, timestamp, into, out = values
    if type(text) is bytes:
        text = text.decode(errors="replace")  # as text_of() does
    market = security[0]
    figures = {
        "code": code,
        "market": market,
        "capital_in_super": into,
        "capital_in_big": in_big,
        "capital_in_mid": in_mid,
        "capital_in_small": in_small,
        "capital_out_super": out,
        "capital_out_big": out_big,
        "capital_out_mid": out_mid,
        "capital_out_small": out_small,
        "update_time": text,
        "updated_at": moment(market, timestamp, text),
    }
    # The length of the vector is at least that of its longest part; NaN compares as False.
    length = hypot(in_big, in_mid, in_small, out_big, out_mid, out_small, into or 0, out or 0)
    if length <= _MAX_AMOUNT and type(code) is str:
        return construct(CapitalDistribution, figures, _FIELDS_SET)
    try:
        return CapitalDistribution.model_validate(figures)
    except ValidationError:
        raise ProtocolError(
            f"the reply about {code} holds figures that are not finite numbers"
        ) from None


def _parse_figures(body: bytes, code: str) -> tuple[Any, ...]:
    """Return the figures of a reply in any layout, in the order of their field numbers.

    Raises the error that the reply stands for if it has none.
    """
    try:
        response = _decode(body)
    except (DecodeError, UnicodeDecodeError):
        raise _figures_error(body, code) from None
    s2c = response.s2c
    amounts = (
        *(s2c.capitalInBig, s2c.capitalInMid, s2c.capitalInSmall),
        *(s2c.capitalOutBig, s2c.capitalOutMid, s2c.capitalOutSmall),
    )
    # A value other than 0 is present; only for 0 must presence be checked.
    if response.retType != SUCCESS or not (all(amounts) or s2c.IsInitialized()):
        raise _figures_error(body, code)
    into, out, text, has = s2c.capitalInSuper, s2c.capitalOutSuper, s2c.updateTime, s2c.HasField
    return (
        *amounts,
        text if text or has("updateTime") else None,
        s2c.updateTimestamp,
        into if into or has("capitalInSuper") else None,
        out if out or has("capitalOutSuper") else None,
    )


def _figures_error(body: bytes, code: str) -> OpenDError | ProtocolError:
    """Build the error for a reply without usable figures, by parsing it again in full."""
    try:
        response = parse_response(capital_distribution_pb2.Response, body)
    except ProtocolError as error:
        return error
    if response.retType != SUCCESS:
        return error_from_response(response.retType, response.retMsg, response.errCode, code)
    return ProtocolError(f"the reply about {code} reports success but holds no figures")


def decode_message(body: bytes, kind: type[MessageT]) -> MessageT:
    """Decode a reply into a message class of the user's.

    Raises OpenDError if it reports a failure, ProtocolError if it cannot be decoded.
    """
    message = parse_response(kind, body)
    ret_type = getattr(message, "retType", SUCCESS)
    if ret_type != SUCCESS:
        ret_msg, err_code = getattr(message, "retMsg", ""), getattr(message, "errCode", 0)
        raise error_from_response(ret_type, ret_msg, err_code)
    return message
