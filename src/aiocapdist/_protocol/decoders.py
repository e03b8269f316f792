"""Decode capital distributions."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from math import hypot
from typing import Any

from pydantic import ValidationError

from ..errors import ProtocolError
from ..models import CapitalDistribution, Security
from ..models._base import construct
from ..models._times import moment

_FIELDS_SET = set(CapitalDistribution.model_fields)
_MAX_AMOUNT = 1e300  # see models.figures.Amount

# A success with all figures, as protobuf encodes it. Each value has its tag before it, those of the
# text its length too. Before the figures are the fields around them, of which two may be absent.
_LAYOUT = struct.Struct("<xdxdxdxdxdxd2x19sxdxdxd")
_SIZE = _LAYOUT.size
_SUCCESS = b"\x08\x00"
_HEADS = {
    _SUCCESS + ret_msg + err_code + bytes([0x22, _SIZE])
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
    # The usual layout is read directly, in a third of the time and without loading protobuf.
    usual = (
        body[:-_SIZE] in _HEADS
        and body[-102:-39:9] == b"\x09\x11\x19\x21\x29\x31\x3a"
        and body[-47] == 19
        and body[-27::9] == b"\x41\x49\x51"
    )
    if usual:
        values = _unpack(body, -_SIZE)
    else:
        if body[:2] != _SUCCESS:
            _raise_failure(body, code)
        values = _parser()(body, code)
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


def _raise_failure(body: bytes, code: str) -> None:
    """Raise the error that a reply reports, unless protobuf must read it."""
    from .failures import read_failure

    if (error := read_failure(body, code)) is not None:
        raise error


@cache  # an import costs as much as half the reply
def _parser() -> Callable[[bytes, str], tuple[Any, ...]]:
    from .figures import parse_figures

    return parse_figures
