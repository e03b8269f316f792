"""What users hold in their hands: frozen, typed, checked.

Amounts are in the currency units of the security's market (HKD for HK, USD for US,
CNY for SH and SZ). Times are aware and in UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum
from typing import Annotated, ClassVar, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, computed_field

from .errors import AiocapdistError, InvalidCode

_E = TypeVar("_E", bound=IntEnum)


class Market(IntEnum):
    """OpenD's market numbers, named as in code strings (``Qot_Common.QotMarket``)."""

    HK = 1
    HK_FUTURE = 2
    US = 11
    SH = 21
    SZ = 22
    SG = 31
    JP = 41
    AU = 51
    MY = 61
    CA = 71
    FX = 81
    CC = 91
    EC = 101


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


class SecurityFirm(IntEnum):
    """The group's brokers (``Trd_Common.SecurityFirm``)."""

    FUTUSECURITIES = 1
    FUTUINC = 2
    FUTUSG = 3
    FUTUAU = 4
    FUTUCA = 5
    FUTUMY = 6
    FUTUJP = 7


def known(kind: type[_E], number: int) -> _E | int:
    """The member of ``kind`` with this number, or the number where it has no name yet."""
    return kind(number) if number in kind._value2member_map_ else number


_MARKETS: dict[str, Market] = dict(Market.__members__)
_SYMBOL = re.compile(r"[!-`{-~]{1,64}", re.ASCII)
_EXPECTED = "expected MARKET.CODE such as 'HK.00700', 'US.AAPL' or 'SH.600519'"


class Security(NamedTuple):
    """One instrument: its market and its code there, split at the first dot."""

    market: Market
    symbol: str

    @classmethod
    def parse(cls, code: str) -> Security:
        """Read ``MARKET.CODE``; raise :class:`InvalidCode` for anything else."""
        try:
            name, _, symbol = code.partition(".")
            if _SYMBOL.fullmatch(symbol) is not None:
                return tuple.__new__(cls, (_MARKETS[name], symbol))  # half the cost of cls(…)
        except (AttributeError, KeyError, TypeError):
            pass  # TypeError: bytes have a partition too
        raise _invalid(code)

    def __str__(self) -> str:
        return f"{self.market.name}.{self.symbol}"


def _invalid(code: object) -> InvalidCode:
    """Say what is wrong with ``code``, as exactly as can be."""
    if not isinstance(code, str):
        return InvalidCode(code, f"a code is a string, not {type(code).__name__}; {_EXPECTED}")
    market, dot, symbol = code.strip().upper().partition(".")
    suggestion = f"{market}.{symbol}"
    # Of ASCII alone: "ß" has an upper case too, and it is no letter of a code.
    mended = code.isascii() and market in _MARKETS and _SYMBOL.fullmatch(symbol) is not None
    if not code:
        reason = "it is empty"
    elif any(ch.isspace() or not ch.isprintable() for ch in code):
        reason = "it contains white space or control characters"
    elif not dot:
        reason = "it names no market"
    elif not market or not symbol:
        reason = f"nothing stands {'after' if market else 'before'} the dot"
    elif market not in _MARKETS:
        shown = market if len(market) <= 20 else f"{market[:20]}…"
        reason = f"there is no market {shown!r}; known are {', '.join(_MARKETS)}"
    elif mended:
        reason = "codes are upper case"
    elif len(symbol) > 64:
        reason = "it is too long"
    else:
        reason = "it contains characters that no code has"
    return InvalidCode(code, f"{reason}; {_EXPECTED}", suggestion if mended else None)


class Frozen(BaseModel):
    """Compared by value, never changed, and wary of what it does not know."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


# Finite, and so are its sums: one NaN would spoil every total that a user makes.
Amount = Annotated[float, Field(ge=-1e300, le=1e300)]


class CapitalDistribution(Frozen):
    """Money into and out of one security this session, by size of order.

    Amounts are currency units of the security's market. Orders are sized against the
    mean trade of the past month (warrants: three days): below it small, ten times it or
    more big, the rest mid; super, where OpenD tells it, is the top of big. Regular
    session only. Source: proto 3212, ``Qot_GetCapitalDistribution``.

    ``capital_in_super`` and ``capital_out_super`` are None where OpenD is too old to
    tell them; totals then count them as 0.
    """

    code: str
    market: Market
    capital_in_super: Amount | None = None
    capital_in_big: Amount
    capital_in_mid: Amount
    capital_in_small: Amount
    capital_out_super: Amount | None = None
    capital_out_big: Amount
    capital_out_mid: Amount
    capital_out_small: Amount
    update_time: str | None = None
    """OpenD's own text, as it came; its time zone is the market's for HK, SH and SZ."""
    updated_at: datetime | None = None
    """When the figures were made, aware, in UTC; None where OpenD did not say."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def capital_in(self) -> float:
        """All inflow."""
        return (
            (self.capital_in_super or 0.0)
            + self.capital_in_big
            + self.capital_in_mid
            + self.capital_in_small
        )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def capital_out(self) -> float:
        """All outflow, as a positive amount."""
        return (
            (self.capital_out_super or 0.0)
            + self.capital_out_big
            + self.capital_out_mid
            + self.capital_out_small
        )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def net(self) -> float:
        """Inflow less outflow."""
        return self.capital_in - self.capital_out

    @computed_field  # type: ignore[prop-decorator]
    @property
    def net_super(self) -> float | None:
        """Net of super orders; None unless OpenD told both sides."""
        if self.capital_in_super is None or self.capital_out_super is None:
            return None
        return self.capital_in_super - self.capital_out_super

    @computed_field  # type: ignore[prop-decorator]
    @property
    def net_big(self) -> float:
        """Net of big orders."""
        return self.capital_in_big - self.capital_out_big

    @computed_field  # type: ignore[prop-decorator]
    @property
    def net_mid(self) -> float:
        """Net of mid orders."""
        return self.capital_in_mid - self.capital_out_mid

    @computed_field  # type: ignore[prop-decorator]
    @property
    def net_small(self) -> float:
        """Net of small orders."""
        return self.capital_in_small - self.capital_out_small

    @computed_field  # type: ignore[prop-decorator]
    @property
    def main_net(self) -> float:
        """Net of the main force: super and big orders together."""
        super_net = (self.capital_in_super or 0.0) - (self.capital_out_super or 0.0)
        return super_net + self.net_big

    @computed_field  # type: ignore[prop-decorator]
    @property
    def main_ratio(self) -> float | None:
        """``main_net`` as a share of all money moved (in plus out); None where that is 0."""
        gross = self.capital_in + self.capital_out
        return self.main_net / gross if gross else None


class Outcome(NamedTuple):
    """What became of one code: a ``value`` or an ``error``, never both.

    ``gateway`` names who answered, where several could, or who was asked last: such as
    ``tcp://127.0.0.1:11111``. It is None where nobody was asked, and from a single client.
    """

    code: str
    value: CapitalDistribution | None = None
    error: AiocapdistError | None = None
    gateway: str | None = None

    def unwrap(self) -> CapitalDistribution:
        """The value; raises the error where there is none."""
        if self.value is None:
            assert self.error is not None
            raise self.error
        return self.value


_BEIJING = timezone(timedelta(hours=8))
_BEIJING_MARKETS = frozenset({Market.HK, Market.SH, Market.SZ})


def moment(market: Market, timestamp: float | None, text: str | None) -> datetime | None:
    """When figures were made, in UTC: by the timestamp, else by a text whose zone is sure.

    HK, SH and SZ write UTC+8. For other markets the zone of the text is not known,
    so a text alone gives None.
    """
    if timestamp:
        try:
            return datetime.fromtimestamp(timestamp, UTC)
        except (OverflowError, OSError, ValueError):
            return None
    if text and market in _BEIJING_MARKETS:
        try:
            naive = datetime.strptime(text, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
            return naive.replace(tzinfo=_BEIJING).astimezone(UTC)
        except (OverflowError, ValueError):
            return None  # "0001-01-01 00:00:00", a zero, lies before all times in UTC
    return None


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
    door: str
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
