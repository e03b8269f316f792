"""Encode requests of 1002 and decode their replies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .._pb import global_state_pb2
from ..errors import ProtocolError
from ..models import GlobalState, MarketState
from ..models._base import known
from ..models.status import version_text
from .failures import text_of
from .response import decode_message

# Our field and OpenD's field for each market's state.
_MARKETS = (
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


def encode_global_state() -> bytes:
    """Return the body of a 1002 request. OpenD no longer reads the user id: it is 0."""
    return global_state_pb2.Request(c2s=global_state_pb2.C2S(userID=0)).SerializeToString()


def decode_global_state(body: bytes) -> GlobalState:
    """Decode a reply to 1002.

    Raises OpenDError if it reports a failure, ProtocolError if it cannot be decoded or the
    server time is invalid. An invalid local time of OpenD is None.
    """
    response = decode_message(body, global_state_pb2.Response)
    if not response.HasField("s2c"):
        raise ProtocolError("the reply about the global state reports success but is empty")
    s2c = response.s2c
    has = s2c.HasField
    markets: dict[str, Any] = {
        ours: known(MarketState, getattr(s2c, theirs)) if has(theirs) else None
        for ours, theirs in _MARKETS
    }
    server_time = _time(s2c.time)
    if server_time is None:
        raise ProtocolError(f"the global state's time {s2c.time} is out of range")
    status = s2c.programStatus if has("programStatus") else None
    return GlobalState.model_construct(  # valid as it is: validating would first build a schema
        **markets,
        quote_logged_in=s2c.qotLogined,
        trade_logged_in=s2c.trdLogined,
        server_version=version_text(s2c.serverVer),
        server_build=s2c.serverBuildNo,
        server_time=server_time,
        local_time=_time(s2c.localTime) if has("localTime") else None,
        program_status=status.type if status is not None else None,
        program_status_text=text_of(status.strExtDesc) or None if status is not None else None,
        conn_id=s2c.connID if has("connID") else None,
    )


def _time(seconds: float) -> datetime | None:
    """Return a Unix time as an aware datetime; None if out of range."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
