"""A recording played back: what its figures were at a moment of the recorded time."""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, NamedTuple, Self

from .._loop import current_clock
from ..errors import RecordingError
from ..models import CapitalDistribution, CapitalFlow, Period
from ._database import Database, Failed
from ._flow_rows import capital_flow, points_known_at
from ._locations import database_at
from ._rows import InvalidRow, distribution, to_microseconds
from ._store import Row, Store
from ._timeline import Timeline
from ._worker import Worker
from .recording import Recording

_NIGHT = timedelta(hours=2)
"""Time without a row from which it is a night. Lunch breaks are shorter."""
_AHEAD = 16  # rows of a code that are read at once
_MILLION = 1_000_000


class _Part(NamedTuple):
    """Consecutive rows of one code: right for times from ``since`` until ``until``."""

    since: float
    until: float
    times: list[int]
    rows: list[Row]


class Player:
    """Figures of a recording at the moment of a clock that runs through the recorded time.

    The clock starts at ``start``, an aware time, by default at the first row. It starts when
    :meth:`now` is first called, and runs ``speed`` times as fast as the event loop's clock.
    Nights (two hours or more without a row) are cut to their first and last five minutes
    unless ``nights`` is True. ``now``, a function that returns a Unix time, replaces the
    clock. After the last row the figures stay.

    Used by ``Simulator(recording=…)``. Rows are read when needed, a few at a time, on the
    event loop: that takes a fraction of a millisecond, and works on virtual time.

    Raises ValueError for a speed that is not a positive number and for a naive start.
    Entering raises RecordingError if there is nothing to play.
    """

    def __init__(
        self,
        recording: Recording | str | os.PathLike[str],
        *,
        speed: float = 1.0,
        start: datetime | None = None,
        nights: bool = False,
        now: Callable[[], float] | None = None,
    ) -> None:
        if not isinstance(speed, int | float) or not 0 < speed < math.inf:
            raise ValueError(f"speed must be a positive number, not {speed!r}")
        where = recording.where if isinstance(recording, Recording) else recording
        self._database: Database = (
            recording._database if isinstance(recording, Recording) else database_at(where)
        )
        self._speed = speed
        self._start = None if start is None else to_microseconds(start)
        self._nights = nights
        self._user_now = now
        self._worker = Worker(self._database, read_only=True)
        self._parts: dict[str, _Part] = {}
        self._began: float | None = None

    async def open(self) -> None:
        """Open the recording and find its nights."""
        self._clock = current_clock()
        self._began = None
        await self._worker.open()
        try:
            self._timeline = await self._worker.use(self._make_timeline)
        except BaseException:
            await self._worker.close()
            raise

    async def aclose(self) -> None:
        """Close the recording. Repeatable."""
        self._parts.clear()
        await self._worker.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    # ---- What was known when

    def now(self) -> float:
        """Return the recorded time as a Unix time; the first call starts the clock."""
        if self._user_now is not None:
            return self._user_now()
        clock = self._clock()
        if self._began is None:
            self._began = clock
        played = round((clock - self._began) * self._speed * _MILLION)
        return self._timeline.at(played) / _MILLION

    def distribution(self, code: str) -> CapitalDistribution | None:
        """Return the figures of a code by now; None before its first row, or without any."""
        now = round(self.now() * _MILLION)
        part = self._parts.get(code)
        with self._errors():
            if part is None or not part.since <= now < part.until:
                part = self._read(code, now)
            if part.rows:
                self._parts[code] = part
            index = bisect_right(part.times, now) - 1
            return distribution(part.rows[index]) if index >= 0 else None

    def flow(self, code: str, period: Period) -> CapitalFlow | None:
        """Return what was known by now of a code's flow; None if nothing was.

        Intraday, it is the latest day. Left out are points in the future, and the point of
        the current minute, day, week or month unless it was seen by now.
        """
        now = round(self.now() * _MILLION)
        with self._errors():
            rows = self._worker.store.newest_points(code, period.name, now)
            rows = points_known_at(rows, period, now)
            return capital_flow(rows) if rows else None

    # ---- Reading

    def _read(self, code: str, now: int) -> _Part:
        rows, more = self._worker.store.around(code, now, _AHEAD)
        times = [row[1] for row in rows]
        # A row that is the first one of all has nothing before it, however early it is asked.
        since = times[0] if times and times[0] <= now else -math.inf
        return _Part(since, times[-1] if more else math.inf, times, rows)

    def _make_timeline(self, store: Store) -> Timeline:
        start = self._start
        if start is None:
            start = store.next_time(None)
        if start is None:
            raise self._database.failed("it holds no figures", "record some first")
        return Timeline(start, () if self._nights else list(_nights(store, start)))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except Failed as failure:
            raise failure.error from failure.__cause__
        except InvalidRow as error:
            where = self._database.where
            raise RecordingError(where, str(error), "correct it or delete it") from None


def _nights(store: Store, start: int) -> Iterator[tuple[int, int]]:
    """Yield the nights from a time on, in steps of two hours and not row by row."""
    night = _NIGHT // timedelta(microseconds=1)
    last: Any = store.last_time(start)
    if last is None:
        last = store.next_time(start)
    while last is not None:
        # All rows up to this one are closer to each other than a night.
        further = store.last_time(last + night)
        if further == last:
            first = store.next_time(last)
            if first is None:
                return
            yield last, first
            further = first
        last = further
