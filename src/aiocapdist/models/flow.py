"""Capital flow of a security over time."""

import re
from datetime import date, datetime
from enum import IntEnum
from typing import Annotated, NoReturn

from pydantic import Field

from ._base import Frozen
from ._tables import Columns, Kind, Tabular, columns_of
from .figures import Amount
from .securities import Market

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Period(IntEnum):
    """Time that one row of a capital flow covers (``Qot_Common.PeriodType``)."""

    INTRADAY = 1
    DAY = 2
    WEEK = 3
    MONTH = 4

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        names = ", ".join(cls.__members__)
        raise ValueError(f"a period is one of aiocapdist.Period ({names}), not {value!r}")


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


def flow_dates(
    period: Period, start: date | str | None, end: date | str | None
) -> tuple[str | None, str | None]:
    """Check the dates of a capital flow request and return them as ``YYYY-MM-DD``.

    Raises ValueError for a text that is no date, a start after the end, and dates with
    INTRADAY, which OpenD does not accept; TypeError for another type, a datetime included.
    """
    first, last = _date("start", start), _date("end", end)
    if period == Period.INTRADAY and (first or last):
        raise ValueError("start and end are for Period.DAY, WEEK and MONTH, not for INTRADAY")
    if first and last and first > last:
        raise ValueError(f"start is after end: {first} > {last}")
    return _text(first), _text(last)


def _date(name: str, value: object) -> date | None:
    if isinstance(value, str):
        try:
            if _DATE.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass  # such as 2025-02-30
        raise ValueError(f"{name} is a date such as '2025-12-31', not {value!r}")
    if isinstance(value, datetime) or not isinstance(value, date | None):
        raise TypeError(f"{name} is a datetime.date or a string, not {type(value).__name__}")
    return value


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
