"""Capital figures of securities.

Amounts are in currency units of the security's market (HKD for HK, USD for US, CNY for SH
and SZ), as OpenD sends them: those of US securities have up to three decimals, and nothing
is rounded. Times are aware and in UTC.
"""

from datetime import datetime
from typing import Annotated, NamedTuple, NoReturn

from pydantic import Field, computed_field

from .._lazy import publish
from ..errors import AiocapdistError
from ._base import Frozen
from .securities import Market

# Finite, and so small that sums are finite too: one NaN would make every total NaN.
Amount = Annotated[float, Field(ge=-1e300, le=1e300)]


class CapitalDistribution(Frozen):
    """Money into and out of one security in today's regular session, by order size.

    Amounts are in currency units of the security's market. The four tiers are disjoint: no
    order counts in two of them. Orders are compared with the mean trade of the past month
    (warrants: three days): below it small, from ten times it on big, otherwise mid. Super
    orders, larger still, are not part of big. Source: proto 3212,
    ``Qot_GetCapitalDistribution``.

    ``capital_in_super`` and ``capital_out_super`` are None if OpenD is too old to report
    them; totals then count them as 0.
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
    """OpenD's text, unchanged. UTC+8 for HK, SH and SZ; for other markets the zone is not known."""
    updated_at: datetime | None = None
    """Time of the figures, aware, in UTC; None if OpenD did not send it."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def capital_in(self) -> float:
        """Total inflow."""
        return (
            (self.capital_in_super or 0.0)
            + self.capital_in_big
            + self.capital_in_mid
            + self.capital_in_small
        )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def capital_out(self) -> float:
        """Total outflow, as a positive amount."""
        return (
            (self.capital_out_super or 0.0)
            + self.capital_out_big
            + self.capital_out_mid
            + self.capital_out_small
        )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def net(self) -> float:
        """Inflow minus outflow."""
        return self.capital_in - self.capital_out

    @computed_field  # type: ignore[prop-decorator]
    @property
    def net_super(self) -> float | None:
        """Net of super orders; None unless OpenD sent both sides."""
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
        """Net of the main force: super plus big orders."""
        super_net = (self.capital_in_super or 0.0) - (self.capital_out_super or 0.0)
        return super_net + self.net_big

    @computed_field  # type: ignore[prop-decorator]
    @property
    def main_ratio(self) -> float | None:
        """``main_net`` divided by inflow plus outflow, from -1 to 1; None if those are 0."""
        gross = self.capital_in + self.capital_out
        return self.main_net / gross if gross else None

    def _repr_html_(self) -> str:
        from ._html import figures_html  # for notebooks alone

        return figures_html(self)


class Outcome(NamedTuple):
    """Result for one code of a sweep: a ``value`` or an ``error``, never both.

    ``gateway`` is the gateway that answered or was asked last, such as
    ``tcp://127.0.0.1:11111``; None if none was asked, and always None from a single client.
    """

    code: str
    value: CapitalDistribution | None = None
    error: AiocapdistError | None = None
    gateway: str | None = None

    def unwrap(self) -> CapitalDistribution:
        """Return the value; raise the error if there is none."""
        if self.value is None:
            assert self.error is not None
            raise self.error
        return self.value


def amount_of_value(self: object, name: str) -> NoReturn:
    """Raise AttributeError for a name that an outcome or a change does not have."""
    text = f"{type(self).__name__!r} object has no attribute {name!r}"
    if name in {*CapitalDistribution.model_fields, *CapitalDistribution.model_computed_fields}:
        text += f"; here it is .value.{name}, or .unwrap().{name}, which raises its error"
    raise AttributeError(text, name=name, obj=self)


Outcome.__getattr__ = amount_of_value  # type: ignore[attr-defined] # type checkers report it
publish("aiocapdist", globals())
