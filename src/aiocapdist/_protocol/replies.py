"""Reading what OpenD answers: bodies into models, refusals into errors."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from .._pb import capital_distribution_pb2, global_state_pb2
from ..errors import (
    BackendError,
    OpenDError,
    ProtocolError,
    QuotaExceeded,
    UnknownSecurity,
    UnsupportedSecurity,
)
from ..models import (
    CapitalDistribution,
    GlobalState,
    MarketState,
    Security,
    known,
    moment,
    version_text,
)

_M = TypeVar("_M", bound=Message)

_SUCCESS = 0
_TIMED_OUT = -100
_DISCONNECTED = -200

# By parts of OpenD's texts: its error numbers do not tell these apart, and the language
# is OpenD's own setting. The first that matches decides.
_KINDS: tuple[tuple[re.Pattern[str], type[OpenDError]], ...] = (
    (re.compile(r"频率太高|每\s*\d+\s*秒最多|too frequent", re.I), QuotaExceeded),
    (re.compile(r"未知股票|unknown stock", re.I), UnknownSecurity),
    (re.compile(r"暂不支持|该接口仅支持|not support|only support", re.I), UnsupportedSecurity),
    (re.compile(r"NN_ProtoRet_"), BackendError),
)


def parse(kind: type[_M], body: bytes) -> _M:
    """Decode a body and see that nothing required is missing.

    Raises ProtocolError. A refusal without s2c is complete; a success is not.
    """
    name = kind.DESCRIPTOR.full_name
    try:
        message = kind.FromString(body)
    except DecodeError:
        raise ProtocolError(f"a reply cannot be decoded as {name}") from None
    if not message.IsInitialized():
        missing = ", ".join(message.FindInitializationErrors())  # type: ignore[attr-defined]
        raise ProtocolError(f"a reply of {name} lacks required fields: {missing}")
    return message


def refusal(ret_type: int, ret_msg: str, err_code: int, code: str | None = None) -> OpenDError:
    """The error for a result other than success."""
    kind = OpenDError
    if ret_type in (_TIMED_OUT, _DISCONNECTED):
        kind = BackendError
    else:
        kind = next((kind for text, kind in _KINDS if text.search(ret_msg)), OpenDError)
    return kind(ret_type, ret_msg, err_code, code)


def read_capital_distribution(
    body: bytes, code: str, security: Security
) -> CapitalDistribution:
    """The figures in a reply to 3212, or the OpenDError or ProtocolError it amounts to."""
    response = parse(capital_distribution_pb2.Response, body)
    if response.retType != _SUCCESS:
        raise refusal(response.retType, response.retMsg, response.errCode, code)
    if not response.HasField("s2c"):
        raise ProtocolError(f"the reply about {code} reports success but holds no figures")
    s2c = response.s2c
    has = s2c.HasField
    text = s2c.updateTime if has("updateTime") else None
    stamp = s2c.updateTimestamp if has("updateTimestamp") else None
    return CapitalDistribution.model_validate(
        {
            "code": code,
            "market": security.market,
            "capital_in_super": s2c.capitalInSuper if has("capitalInSuper") else None,
            "capital_in_big": s2c.capitalInBig,
            "capital_in_mid": s2c.capitalInMid,
            "capital_in_small": s2c.capitalInSmall,
            "capital_out_super": s2c.capitalOutSuper if has("capitalOutSuper") else None,
            "capital_out_big": s2c.capitalOutBig,
            "capital_out_mid": s2c.capitalOutMid,
            "capital_out_small": s2c.capitalOutSmall,
            "update_time": text,
            "updated_at": moment(security.market, stamp, text),
        }
    )


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


def read_global_state(body: bytes) -> GlobalState:
    """The state in a reply to 1002, or the OpenDError or ProtocolError it amounts to."""
    response = parse(global_state_pb2.Response, body)
    if response.retType != _SUCCESS:
        raise refusal(response.retType, response.retMsg, response.errCode)
    if not response.HasField("s2c"):
        raise ProtocolError("the reply about the global state reports success but is empty")
    s2c = response.s2c
    has = s2c.HasField
    phases = {
        ours: known(MarketState, getattr(s2c, theirs)) if has(theirs) else None
        for ours, theirs in _PHASES
    }
    status = s2c.programStatus if has("programStatus") else None
    return GlobalState.model_validate(
        {
            **phases,
            "quote_logged_in": s2c.qotLogined,
            "trade_logged_in": s2c.trdLogined,
            "server_version": version_text(s2c.serverVer),
            "server_build": s2c.serverBuildNo,
            "server_time": datetime.fromtimestamp(s2c.time, UTC),
            "local_time": datetime.fromtimestamp(s2c.localTime, UTC) if has("localTime") else None,
            "program_status": status.type if status is not None else None,
            "program_status_text": status.strExtDesc or None if status is not None else None,
            "conn_id": s2c.connID if has("connID") else None,
        }
    )
