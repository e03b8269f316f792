"""Reading what OpenD answers: bodies into models, refusals into errors."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from pydantic import ValidationError

from .._pb import capital_distribution_pb2, global_state_pb2
from ..errors import (
    BackendError,
    OpenDError,
    ProtocolError,
    QuotaExceeded,
    UnknownSecurity,
    UnsupportedSecurity,
)
from ..models import CapitalDistribution, GlobalState, MarketState, Security
from ..models._base import known
from ..models._times import moment
from ..models.state import version_text

_M = TypeVar("_M", bound=Message)

SUCCESS = 0
TIMED_OUT = -100
DISCONNECTED = -200
UNKNOWN = -400

# By parts of OpenD's texts: its error numbers do not tell these apart, and the language
# is OpenD's own setting. The first that matches decides.
_KINDS: tuple[tuple[re.Pattern[str], type[OpenDError]], ...] = (
    (re.compile(r"频率太高|每\s*\d+\s*秒最多|too frequent", re.I), QuotaExceeded),
    (re.compile(r"未知股票|unknown stock", re.I), UnknownSecurity),
    (re.compile(r"暂不支持|该接口仅支持|not support|only support", re.I), UnsupportedSecurity),
    (re.compile(r"NN_ProtoRet_"), BackendError),
)


def parse_response(kind: type[_M], body: bytes) -> _M:
    """Decode a body and see that nothing required is missing.

    Raises ProtocolError. A error_from_response is worth its text, whatever else it lacks.
    """
    name = kind.DESCRIPTOR.full_name
    try:
        message = kind.FromString(body)
    except (DecodeError, UnicodeDecodeError):
        raise ProtocolError(f"a reply cannot be decoded as {name}") from None
    if not message.IsInitialized() and not _refuses(message):
        missing = ", ".join(message.FindInitializationErrors())  # type: ignore[attr-defined]
        raise ProtocolError(f"a reply of {name} lacks required fields: {missing}")
    return message


def _refuses(message: Message) -> bool:
    fields = message.DESCRIPTOR.fields_by_name
    return (
        "retType" in fields and message.HasField("retType") and message.retType != SUCCESS  # type: ignore[attr-defined]
    )


def text_of(raw: str | bytes) -> str:
    """A string field: protobuf's fast decoder hands out one that is no UTF-8 as bytes."""
    return raw if isinstance(raw, str) else raw.decode(errors="replace")


def _time(seconds: float) -> datetime | None:
    """A Unix time, aware; None where no calendar holds it."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def error_from_response(
    ret_type: int, ret_msg: str | bytes, err_code: int, code: str | None = None
) -> OpenDError:
    """The error for a result other than success."""
    ret_msg = text_of(ret_msg)
    kind = OpenDError
    if ret_type in (TIMED_OUT, DISCONNECTED):
        kind = BackendError
    else:
        kind = next((kind for text, kind in _KINDS if text.search(ret_msg)), OpenDError)
    return kind(ret_type, ret_msg, err_code, code)


# Bound once: this runs for every reply, and the way there costs as much as a field.
_decode = capital_distribution_pb2.Response.FromString
_validate = CapitalDistribution.__pydantic_validator__.validate_python


def decode_capital_distribution(body: bytes, code: str, security: Security) -> CapitalDistribution:
    """The figures in a reply to 3212, or the OpenDError or ProtocolError it amounts to.

    Figures that are no finite numbers, or too large for their totals to be, are a
    ProtocolError. A time that no calendar holds only leaves ``updated_at`` None.
    """
    try:
        response = _decode(body)
    except (DecodeError, UnicodeDecodeError):
        raise _no_figures(body, code) from None
    s2c = response.s2c
    in_big, in_mid, in_small = s2c.capitalInBig, s2c.capitalInMid, s2c.capitalInSmall
    out_big, out_mid, out_small = s2c.capitalOutBig, s2c.capitalOutMid, s2c.capitalOutSmall
    # What is not the default is there; only of a zero is it to be asked whether it is.
    told = in_big and in_mid and in_small and out_big and out_mid and out_small
    if response.retType != SUCCESS or not (told or s2c.IsInitialized()):
        raise _no_figures(body, code)
    into, out, text = s2c.capitalInSuper, s2c.capitalOutSuper, s2c.updateTime
    market = security[0]
    if type(text) is not str:
        text = text_of(text)
    try:
        return _validate(  # type: ignore[no-any-return]
            {
                "code": code,
                "market": market,
                "capital_in_super": into if into or s2c.HasField("capitalInSuper") else None,
                "capital_in_big": in_big,
                "capital_in_mid": in_mid,
                "capital_in_small": in_small,
                "capital_out_super": out if out or s2c.HasField("capitalOutSuper") else None,
                "capital_out_big": out_big,
                "capital_out_mid": out_mid,
                "capital_out_small": out_small,
                "update_time": text if text or s2c.HasField("updateTime") else None,
                "updated_at": moment(market, s2c.updateTimestamp, text),
            },
            extra="ignore",  # there is none: to look for one would cost a fifth of this
        )
    except ValidationError:
        raise ProtocolError(
            f"the reply about {code} holds figures that are no finite numbers"
        ) from None


def _no_figures(body: bytes, code: str) -> OpenDError | ProtocolError:
    """Why there are none: the slow way, once more from the beginning."""
    try:
        response = parse_response(capital_distribution_pb2.Response, body)
    except ProtocolError as error:
        return error
    if response.retType != SUCCESS:
        return error_from_response(response.retType, response.retMsg, response.errCode, code)
    return ProtocolError(f"the reply about {code} reports success but holds no figures")


# Our field, OpenD's field, for the markets' phases.
_PHASES = (
    ("market_hk", "marketHK"),
    ("market_us", "marketUS"),
    ("market_sh", "marketSH"),
    ("market_sz", "marketSZ"),
    ("market_hk_future", "marketHKFuture"),
    ("market_us_future", "marketUSFuture"),
    ("market_sg_future", "marketSGFuture"),
    ("market_jp_future", "marketJPFuture"),
    ("market_sg", "marketSG"),
    ("market_my", "marketMY"),
    ("market_jp", "marketJP"),
)


def decode_global_state(body: bytes) -> GlobalState:
    """The state in a reply to 1002, or the OpenDError or ProtocolError it amounts to.

    The servers' clock is required: one that no calendar holds is a ProtocolError. OpenD's
    own is not: None then.
    """
    response = parse_response(global_state_pb2.Response, body)
    if response.retType != SUCCESS:
        raise error_from_response(response.retType, response.retMsg, response.errCode)
    if not response.HasField("s2c"):
        raise ProtocolError("the reply about the global state reports success but is empty")
    s2c = response.s2c
    has = s2c.HasField
    phases = {
        ours: known(MarketState, getattr(s2c, theirs)) if has(theirs) else None
        for ours, theirs in _PHASES
    }
    server_time = _time(s2c.time)
    if server_time is None:
        raise ProtocolError(f"the global state's time is {s2c.time}, which no calendar holds")
    status = s2c.programStatus if has("programStatus") else None
    return GlobalState.model_validate(
        {
            **phases,
            "quote_logged_in": s2c.qotLogined,
            "trade_logged_in": s2c.trdLogined,
            "server_version": version_text(s2c.serverVer),
            "server_build": s2c.serverBuildNo,
            "server_time": server_time,
            "local_time": _time(s2c.localTime) if has("localTime") else None,
            "program_status": status.type if status is not None else None,
            "program_status_text": text_of(status.strExtDesc) or None
            if status is not None
            else None,
            "conn_id": s2c.connID if has("connID") else None,
        }
    )


def decode_message(body: bytes, kind: type[_M]) -> _M:
    """A reply in a class that a user chose, or the OpenDError or ProtocolError it amounts to."""
    message = parse_response(kind, body)
    ret_type = getattr(message, "retType", SUCCESS)
    if ret_type != SUCCESS:
        ret_msg, err_code = getattr(message, "retMsg", ""), getattr(message, "errCode", 0)
        raise error_from_response(ret_type, ret_msg, err_code)
    return message
