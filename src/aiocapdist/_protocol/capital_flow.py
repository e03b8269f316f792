"""Encode requests of 3211 and decode their replies."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from .._pb import capital_flow_pb2
from ..errors import ProtocolError
from ..models import CapitalFlow, Period, Security
from ..models._times import market_day, moment
from .failures import SUCCESS, error_from_response, text_of
from .response import parse_response

_TIERS = (
    ("main_in_flow", "mainInFlow"),
    ("super_in_flow", "superInFlow"),
    ("big_in_flow", "bigInFlow"),
    ("mid_in_flow", "midInFlow"),
    ("sml_in_flow", "smlInFlow"),
)


def encode_capital_flow(
    security: Security,
    period: Period,
    start: str | None = None,
    end: str | None = None,
    security_firm: int | None = None,
) -> bytes:
    """Return the body of a 3211 request. Dates are ``YYYY-MM-DD``, None for OpenD's default."""
    request = capital_flow_pb2.Request()
    request.c2s.security.market, request.c2s.security.code = security
    request.c2s.periodType = period
    if start is not None:
        request.c2s.beginTime = start
    if end is not None:
        request.c2s.endTime = end
    if security_firm is not None:
        request.c2s.header.securityFirm = security_firm
    return request.SerializeToString()


def decode_capital_flow(body: bytes, code: str, security: Security, period: Period) -> CapitalFlow:
    """Return the rows in a 3211 reply.

    Raises OpenDError if OpenD answered with an error, ProtocolError if the reply cannot be
    read or an amount is not a finite number. A time that does not exist gives None.
    """
    response = parse_response(capital_flow_pb2.Response, body)
    if response.retType != SUCCESS:
        raise error_from_response(response.retType, response.retMsg, response.errCode, code)
    if not response.HasField("s2c"):
        raise ProtocolError(f"the reply about {code} reports success but is empty")
    s2c = response.s2c
    market = security.market
    text = text_of(s2c.lastValidTime) if s2c.HasField("lastValidTime") else None
    try:
        return CapitalFlow.model_validate(
            {
                "code": code,
                "market": market,
                "period": period,
                "points": tuple(_point(item, security) for item in s2c.flowItemList),
                "last_valid_time": text,
                "last_valid_at": moment(market, s2c.lastValidTimestamp, text),
            }
        )
    except ValidationError:
        raise ProtocolError(
            f"the reply about {code} holds figures that are not finite numbers"
        ) from None


def _point(item: capital_flow_pb2.CapitalFlowItem, security: Security) -> dict[str, Any]:
    has = item.HasField
    text = text_of(item.time) if has("time") else None
    at = moment(security.market, item.timestamp, text)
    return {
        "time": text,
        "at": at,
        "day": market_day(security.market, at, text),
        "in_flow": item.inFlow,
        **{ours: getattr(item, theirs) for ours, theirs in _TIERS if has(theirs)},
    }
