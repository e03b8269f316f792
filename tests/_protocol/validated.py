"""Replies to 3212, decoded by protobuf and validated by pydantic: what the decoder must equal."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError
from pydantic import ValidationError

from aiocapdist._pb import capital_distribution_pb2
from aiocapdist.models import CapitalDistribution, Security
from aiocapdist.models._times import moment

_FIELDS = {
    "capital_in_super": "capitalInSuper",
    "capital_in_big": "capitalInBig",
    "capital_in_mid": "capitalInMid",
    "capital_in_small": "capitalInSmall",
    "capital_out_super": "capitalOutSuper",
    "capital_out_big": "capitalOutBig",
    "capital_out_mid": "capitalOutMid",
    "capital_out_small": "capitalOutSmall",
    "update_time": "updateTime",
}


def validated(body: bytes, code: str) -> CapitalDistribution | None:
    """Return the validated model; None if the reply holds no valid figures."""
    try:
        response = capital_distribution_pb2.Response.FromString(body)
    except (DecodeError, UnicodeDecodeError):
        return None
    s2c = response.s2c
    if response.retType != 0 or not s2c.IsInitialized():
        return None
    values: dict[str, Any] = {
        ours: getattr(s2c, theirs) if s2c.HasField(theirs) else None
        for ours, theirs in _FIELDS.items()
    }
    text = values["update_time"]
    if isinstance(text, bytes):
        values["update_time"] = text = text.decode(errors="replace")
    market = Security.parse(code).market
    values["updated_at"] = moment(market, s2c.updateTimestamp, text)
    try:
        return CapitalDistribution.model_validate({"code": code, "market": market, **values})
    except ValidationError:
        return None
