"""The state of OpenD and of the markets."""

from datetime import datetime
from enum import IntEnum

from .._lazy import publish
from ._base import Frozen
from .securities import Market


class MarketState(IntEnum):
    """Trading phase of a market (``Qot_Common.QotMarketState``)."""

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
    SWITCH_DATE = 12
    NIGHT_OPEN = 13
    NIGHT_END = 14
    FUTURE_DAY_OPEN = 15
    FUTURE_DAY_BREAK = 16
    FUTURE_DAY_CLOSE = 17
    FUTURE_DAY_WAIT_OPEN = 18
    HK_CLOSING_AUCTION = 19
    FUTURE_NIGHT_WAIT_OPEN = 20
    FUTURE_AFTERNOON = 21
    FUTURE_SWITCH_DATE = 22
    FUTURE_OPEN = 23
    FUTURE_BREAK = 24
    FUTURE_BREAK_OVER = 25
    FUTURE_CLOSE = 26
    A_SHARE_AFTER_HOURS_WAIT = 27
    A_SHARE_AFTER_HOURS_BEGIN = 28
    A_SHARE_AFTER_HOURS_END = 29
    CLOSING_AUCTION = 30
    AFTERNOON_END = 31
    NIGHT = 32
    OVERNIGHT_BEGIN = 33
    OVERNIGHT_END = 34
    TRADE_AT_LAST = 35
    TRADE_AUCTION = 36
    OVERNIGHT = 37

    @property
    def is_resting(self) -> bool:
        """True if capital figures do not change in this phase: outside the regular session.

        NONE (0) is not resting: it says nothing about the market.
        """
        return self in _RESTING


_RESTING = frozenset(
    {
        MarketState.WAITING_OPEN,
        MarketState.REST,
        MarketState.CLOSED,
        MarketState.PRE_MARKET_BEGIN,
        MarketState.PRE_MARKET_END,
        MarketState.AFTER_HOURS_BEGIN,
        MarketState.AFTER_HOURS_END,
        MarketState.SWITCH_DATE,
        MarketState.NIGHT_END,
        MarketState.FUTURE_DAY_BREAK,
        MarketState.FUTURE_DAY_CLOSE,
        MarketState.FUTURE_DAY_WAIT_OPEN,
        MarketState.FUTURE_NIGHT_WAIT_OPEN,
        MarketState.FUTURE_SWITCH_DATE,
        MarketState.FUTURE_BREAK,
        MarketState.FUTURE_CLOSE,
        MarketState.A_SHARE_AFTER_HOURS_WAIT,
        MarketState.A_SHARE_AFTER_HOURS_BEGIN,
        MarketState.A_SHARE_AFTER_HOURS_END,
        MarketState.AFTERNOON_END,
        MarketState.NIGHT,
        MarketState.OVERNIGHT_BEGIN,
        MarketState.OVERNIGHT_END,
        MarketState.OVERNIGHT,
    }
)


class GlobalState(Frozen):
    """Market phases, logins and clocks of OpenD. Source: proto 1002, ``GetGlobalState``.

    A phase without a name in this version stays a number. Markets that OpenD does not report
    are None.
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
    """Clock of the vendor's servers, aware, in UTC."""
    local_time: datetime | None = None
    """Clock of OpenD's machine, aware, in UTC."""
    program_status: int | None = None
    """OpenD's program status: 10 is ready, 11 forced to log out (:class:`ProgramStatus`)."""
    program_status_text: str | None = None
    conn_id: int | None = None

    def phase_of(self, market: Market) -> MarketState | int | None:
        """Return the phase of a market; None if OpenD does not report it."""
        if not isinstance(market, Market):
            raise TypeError(f"market is a Market, such as Market.HK, not {market!r}")
        phase: MarketState | int | None = getattr(self, f"market_{market.name.lower()}", None)
        return phase


publish("aiocapdist", globals())
