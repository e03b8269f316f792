"""Periods of a capital flow, and the dates of a request for one."""

from datetime import date, datetime
from enum import IntEnum
from typing import NoReturn

from .._lazy import publish


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
            day = date.fromisoformat(value)
            if day.isoformat() == value:  # fromisoformat() reads 20251231 and weeks too
                return day
        except ValueError:
            pass  # such as 2025-02-30
        raise ValueError(f"{name} is a date such as '2025-12-31', not {value!r}")
    if isinstance(value, datetime) or not isinstance(value, date | None):
        raise TypeError(f"{name} is a datetime.date or a string, not {type(value).__name__}")
    return value


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


publish("aiocapdist", globals())
