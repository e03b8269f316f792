"""Parse replies of 3212 in any layout, with protobuf."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError

from .._pb import capital_distribution_pb2
from ..errors import OpenDError, ProtocolError
from .failures import SUCCESS, error_from_response
from .response import parse_response

# Looked up once: each lookup would cost as much per reply as decoding a field.
_decode = capital_distribution_pb2.Response.FromString


def parse_figures(body: bytes, code: str) -> tuple[Any, ...]:
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
