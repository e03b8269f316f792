"""The state of OpenD, of the markets, and of a client's connection."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from ._base import Frozen


class MarketState(IntEnum):
    """A market's phase (``Qot_Common.QotMarketState``)."""

    NONE = 0
    AUCTION = 1
    WAITING_OPEN = 2
    MORNING = 3
    REST = 4
    AFTERNOON = 5
    CLOSED = 6
    PRE_MARKET_BEGIN = 8
    PRE_MARKET_END = 9
    AFTER_HOURS_BEGIN = 10
    AFTER_HOURS_END = 11
    NIGHT_OPEN = 13
    NIGHT_END = 14
    FUTURE_DAY_OPEN = 15
    FUTURE_DAY_BREAK = 16
    FUTURE_DAY_CLOSE = 17
    FUTURE_DAY_WAIT_OPEN = 18
    HK_CLOSING_AUCTION = 19


class GlobalState(Frozen):
    """Market phases, log-ins and clocks, as OpenD tells them (proto 1002).

    A phase without a name here stays its number. Markets that this OpenD does not
    report are None.
    """

    market_hk: MarketState | int
    market_us: MarketState | int
    market_sh: MarketState | int
    market_sz: MarketState | int
    market_hk_future: MarketState | int
    market_us_future: MarketState | int | None = None
    market_sg_future: MarketState | int | None = None
    market_jp_future: MarketState | int | None = None
    market_sg: MarketState | int | None = None
    market_my: MarketState | int | None = None
    market_jp: MarketState | int | None = None
    quote_logged_in: bool
    trade_logged_in: bool
    server_version: str
    server_build: int
    server_time: datetime
    """The vendor's servers' clock, in UTC."""
    local_time: datetime | None = None
    """The clock of OpenD's machine, in UTC."""
    program_status: int | None = None
    """10 is ready, 11 forced to log out; other numbers as OpenD tells them."""
    program_status_text: str | None = None
    conn_id: int | None = None


def version_text(number: int) -> str:
    """OpenD's version number as people write it: 1011 is ``10.11``."""
    return f"{number // 100}.{number % 100:02d}"


class RoundTrip(Frozen):
    """Seconds from a request's sending to its reply, over the latest 512 replies."""

    median: float
    p90: float
    p99: float
    largest: float


class Status(Frozen):
    """A snapshot of one client, cheap to take (``client.status``)."""

    state: str
    """``connecting``, ``ready``, ``reconnecting`` or ``closed``."""
    transport: str
    """How OpenD is reached: ``tcp``, ``ws``, ``wss`` or ``memory``."""
    encrypted: bool
    """Whether what is said is sealed on its way: by ``rsa_key``, or by TLS."""
    conn_id: int | None
    """OpenD's number for this connection; None while there is none."""
    server_version: str | None
    """Such as ``10.11``; None before the first connection and at the WebSocket door."""
    login_user_id: int | None
    """None as for ``server_version``."""
    uptime: float | None
    """Seconds since OpenD let this connection in; None while there is none."""
    reconnects: int
    calls: int
    """Requests sent so far, those that were sent again counted each time."""
    late_replies: int
    """Replies that came when nobody waited for them any more."""
    round_trip: RoundTrip | None
    """None before the first reply."""
