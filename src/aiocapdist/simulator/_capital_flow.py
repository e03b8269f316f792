"""Capital flows that fit the figures of capital distribution: net amounts over time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from .._pb import capital_flow_pb2 as pb
from ..models import Period
from ._market_data import Figures

HISTORY = timedelta(days=365)
"""How far back days, weeks and months go."""

_OPENING = timedelta(hours=9.5)
_MINUTE = 60
_DAY = 86400
_AFTER_CLOSING = 12 * 3600  # from the opening: closed in summer and winter time
_PERIODS = frozenset(period.value for period in Period)

FiguresAt = Callable[[float], Figures]
"""Return the figures of one security at a Unix time."""


def capital_flow(
    c2s: pb.C2S, figures_at: FiguresAt, now: float, *, super_fields: bool
) -> pb.S2C | None:
    """Return the flow of a security; None if the period or a date is invalid."""
    if c2s.periodType not in _PERIODS:
        return None
    latest = figures_at(now)
    offset = datetime.fromisoformat(latest.text) - _naive(latest.timestamp)
    if c2s.periodType == Period.INTRADAY:
        items = [_item(time, [made], super_fields) for time, made in _minutes(latest, figures_at)]
    else:
        today = (_naive(now) + offset).date()
        try:
            # The vendor's client adds "00:00:00" or "23:59:59".
            last = date.fromisoformat(c2s.endTime[:10]) if c2s.endTime else today
            first = date.fromisoformat(c2s.beginTime[:10]) if c2s.beginTime else last - HISTORY
        except (OverflowError, ValueError):
            return None
        first = max(first, today - HISTORY)
        days = [day for day in _days(latest, figures_at, first) if day[0] <= last]
        items = list(_rows(days, Period(c2s.periodType), offset, super_fields))
    asked_at = (_naive(now) + offset).strftime("%Y-%m-%d %H:%M:%S")
    return pb.S2C(flowItemList=items, lastValidTime=asked_at, lastValidTimestamp=int(now))


def _minutes(latest: Figures, figures_at: FiguresAt) -> Iterator[tuple[tuple[str, int], Figures]]:
    """Yield each minute of the session with the figures at its end; the last is not over."""
    opening = _opening(latest)
    day = latest.text[:10]
    for start in range(opening, latest.timestamp + 1, _MINUTE):
        clock = str(_OPENING + timedelta(seconds=start - opening)).zfill(8)
        end = min(start + _MINUTE, latest.timestamp)
        yield (f"{day} {clock}", start), figures_at(end)


def _days(latest: Figures, figures_at: FiguresAt, first: date) -> list[tuple[date, Figures]]:
    """Return the trading days from ``first`` on, the running one included."""
    days = [(date.fromisoformat(latest.text[:10]), latest)]
    evening = _opening(latest) + _AFTER_CLOSING
    for n in range(1, (days[0][0] - first).days + 1):
        made = figures_at(evening - n * _DAY)  # at a weekend: Friday's once more
        day = date.fromisoformat(made.text[:10])
        if day < days[-1][0]:
            days.append((day, made))
    return [day for day in reversed(days) if day[0] >= first]


def _rows(
    days: list[tuple[date, Figures]], period: Period, offset: timedelta, super_fields: bool
) -> Iterator[pb.CapitalFlowItem]:
    """Yield a row for each day, week or month, named after its first day."""

    def row_of(day: tuple[date, Figures]) -> tuple[int, ...]:
        match period:
            case Period.WEEK:
                return day[0].isocalendar()[:2]
            case Period.MONTH:
                return day[0].year, day[0].month
            case _:
                return (day[0].toordinal(),)

    for _, group in groupby(days, row_of):
        members = list(group)
        midnight = datetime.combine(members[0][0], datetime.min.time())
        timestamp = int((midnight - offset).replace(tzinfo=UTC).timestamp())
        item = _item((f"{midnight}", timestamp), [made for _, made in members], super_fields)
        item.mainInFlow = item.superInFlow + item.bigInFlow
        yield item


def _item(time: tuple[str, int], made: list[Figures], super_fields: bool) -> pb.CapitalFlowItem:
    """Build a row of the nets of these figures, added up."""
    item = pb.CapitalFlowItem(
        time=time[0],
        timestamp=time[1],
        bigInFlow=sum(one.in_big - one.out_big for one in made),
        midInFlow=sum(one.in_mid - one.out_mid for one in made),
        smlInFlow=sum(one.in_small - one.out_small for one in made),
    )
    if super_fields:
        item.superInFlow = sum(one.in_super - one.out_super for one in made)
    item.inFlow = item.superInFlow + item.bigInFlow + item.midInFlow + item.smlInFlow
    return item


def _opening(made: Figures) -> int:
    """Return when the session of these figures opened, as a Unix time."""
    local = datetime.fromisoformat(made.text)
    midnight = datetime.combine(local, datetime.min.time())
    return made.timestamp - int((local - midnight - _OPENING).total_seconds())


def _naive(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC).replace(tzinfo=None)
