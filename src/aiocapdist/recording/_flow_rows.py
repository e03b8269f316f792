"""Capital flows to rows and back: a row for each point. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from ..models import CapitalFlow, FlowPoint, Market, Period
from ._rows import InvalidRow, from_microseconds, storable, to_microseconds
from ._schema import FLOWS

_AMOUNTS = [column.name for column in FLOWS.c if column.name.endswith("in_flow")]
_COLUMNS = FLOWS.c.keys()
_CODE, _PERIOD, _TIME, _DAY, _SEEN_AT = map(
    _COLUMNS.index, ("code", "period", "time", "day", "seen_at")
)
_MINUTE = 60_000_000
_DAY_LENGTH = 1440 * _MINUTE
_LENGTHS = {
    Period.INTRADAY: _MINUTE,
    Period.DAY: _DAY_LENGTH,
    Period.WEEK: 7 * _DAY_LENGTH,
    Period.MONTH: 31 * _DAY_LENGTH,
}


def flow_rows(flow: CapitalFlow, seen_at: int) -> list[dict[str, Any]]:
    """Return a row for each point of a flow, seen at this time in microseconds."""
    common = {
        "code": flow.code,
        "market": flow.market.name,
        "period": flow.period.name,
        "seen_at": seen_at,
        "last_valid_time": storable(flow.last_valid_time),
        "last_valid_at": None
        if flow.last_valid_at is None
        else to_microseconds(flow.last_valid_at),
    }
    return [
        {
            **common,
            "time": _time(point, flow.period, seen_at + number),
            "at": None if point.at is None else to_microseconds(point.at),
            "day": point.day,
            "time_text": storable(point.time),
            **{name: getattr(point, name) for name in _AMOUNTS},
        }
        for number, point in enumerate(flow.points)
    ]


def _time(point: FlowPoint, period: Period, seen_at: int) -> int:
    """Return the key of a point: its own time, else its day, else when it was seen."""
    if point.at is not None:
        return to_microseconds(point.at)
    if point.day is not None and period != Period.INTRADAY:
        day = point.day
        return to_microseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))
    return seen_at


def group_of(row: Sequence[Any]) -> tuple[Any, ...]:
    """Return what the points of one flow have in common: intraday ones, the day as well."""
    day = row[_DAY] if row[_PERIOD] == Period.INTRADAY.name else None
    return row[_CODE], row[_PERIOD], day


def capital_flow(rows: Sequence[Sequence[Any]]) -> CapitalFlow:
    """Return the flow whose points these rows are. Raises InvalidRow."""
    records = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    newest = max(records, key=lambda record: record["seen_at"])
    try:
        return CapitalFlow(
            code=newest["code"],
            market=Market[newest["market"]],
            period=Period[newest["period"]],
            points=tuple(map(_point, records)),
            last_valid_time=newest["last_valid_time"],
            last_valid_at=_at(newest["last_valid_at"]),
        )
    except (KeyError, OverflowError, TypeError, ValidationError):
        raise InvalidRow(newest["code"], newest["time"]) from None


def _point(record: dict[str, Any]) -> FlowPoint:
    amounts = {name: record[name] for name in _AMOUNTS}
    at = _at(record["at"])
    return FlowPoint(time=record["time_text"], at=at, day=record["day"], **amounts)


def points_known_at(rows: Sequence[Sequence[Any]], period: Period, now: int) -> list[Sequence[Any]]:
    """Return which of a flow's rows up to ``now`` were known by then.

    A row has the final amount of its minute, day, week or month, which was not known before
    that was over, unless the row was seen by then. Intraday, only the latest day is returned.
    """
    length = _LENGTHS[period]
    known = [row for row in rows if row[_TIME] + length <= now or row[_SEEN_AT] <= now]
    if period == Period.INTRADAY:
        return [row for row in known if row[_DAY] == known[-1][_DAY]]
    return known


def _at(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_microseconds(microseconds)
