"""Capital flow of a security over time."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from .._lazy import publish
from ._base import Frozen
from ._tables import Columns, Kind, Tabular, columns_of
from .figures import Amount
from .period import Period
from .securities import Market


class FlowPoint(Frozen):
    """One row of a capital flow: net amounts (inflow minus outflow) by order size.

    Amounts are in currency units of the security's market. What OpenD does not send is None.
    Source: proto 3211, ``CapitalFlowItem``.
    """

    time: str | None = None
    """OpenD's text, unchanged."""
    at: datetime | None = None
    """Start of the row, aware, in UTC; None if OpenD did not send it."""
    day: date | None = None
    """Date in the market's own time zone; None if it is not known."""
    in_flow: Amount
    """Net of all orders."""
    main_in_flow: Amount | None = None
    """Net of super and big orders; sent for days, weeks and months only."""
    super_in_flow: Amount | None = None
    big_in_flow: Amount | None = None
    mid_in_flow: Amount | None = None
    sml_in_flow: Amount | None = None
    """Net of small orders."""


class CapitalFlow(Tabular, Frozen):
    """Net amounts of one security over time, by order size.

    Rows are in OpenD's order. **Intraday rows are cumulative since the start of the day**: the
    last one is the day so far, and their sum means nothing. A row of a day, week or month
    covers that period alone. The last row may not be complete, and rows in the future occur:
    compare ``at`` with the clock. A flow may be empty. History reaches back a year.
    Source: proto 3211, ``Qot_GetCapitalFlow``.
    """

    code: str
    market: Market
    period: Period
    points: Annotated[tuple[FlowPoint, ...], Field(repr=False)] = ()
    last_valid_time: str | None = None
    """OpenD's text, unchanged. It is the time of the request even if the market is closed, and
    says nothing about the age of the rows."""
    last_valid_at: datetime | None = None
    """The same, aware, in UTC; None if OpenD did not send it."""

    def _columns(self) -> Columns:
        n = len(self.points)
        return {
            "code": (Kind.TEXT, [self.code] * n),
            "market": (Kind.TEXT, [self.market.name] * n),
            "period": (Kind.TEXT, [self.period.name] * n),
            **columns_of(self.points, FlowPoint),
        }

    def _repr_html_(self) -> str:
        from ._html import flow_html  # for notebooks alone

        return flow_html(self)


publish("aiocapdist", globals())
