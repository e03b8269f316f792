"""Capital figures of securities.

Amounts are in the currency units of the security's market (HKD for HK, USD for US,
CNY for SH and SZ). Times are aware and in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, NamedTuple

from pydantic import Field, computed_field

from ..errors import AiocapdistError
from ._base import Frozen
from .securities import Market

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
