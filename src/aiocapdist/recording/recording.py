"""A recording: figures kept in SQLite or PostgreSQL."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterable, Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from sqlalchemy import Table
from sqlalchemy.engine import URL

from ..models import CapitalDistribution, CapitalFlow, Period
from ._database import Database, database_at
from ._export import Format, exporter, format_of
from ._flow_rows import flow_rows
from ._reader import Reader, distribution_pages, distributions, flow_pages, flows
from ._rows import distribution, distribution_row, to_microseconds
from ._schema import DISTRIBUTIONS, FLOWS
from ._store import PAGE, Span, Store
from ._worker import Worker


class Answer(Protocol):
    """What holds figures or none: an Outcome of a sweep, a Change of a watch."""

    @property
    def value(self) -> CapitalDistribution | CapitalFlow | None: ...


class Recording:
    """Figures kept in a database: ``async with Recording("day.sqlite") as recording``.

    ``where`` is a path, or a SQLAlchemy URL of SQLite or PostgreSQL (extra ``postgres``). A
    file or its tables are created if they are not there, unless it is ``read_only``.

    One row is kept for each code and time of its figures, and for each time seen where OpenD
    did not tell a time. Told again, the figures seen last win. What :meth:`add` was given is
    on the disk when it returns; several programs may write and read the same recording.

    Runs on asyncio, uvloop and trio; the database is used in a worker thread, by one call
    at a time. Cancelling any call leaves the recording consistent and usable: what
    was being written is written wholly, or not at all.

    Raises ValueError for an address that is none, and ModuleNotFoundError where psycopg is
    needed and not installed. Every method that uses the database raises RecordingError where
    it cannot be opened, read or written; one that is locked is tried again for 30 s.
    """

    def __init__(self, where: str | os.PathLike[str] | URL, *, read_only: bool = False) -> None:
        self._database: Database = database_at(where)
        self._worker = Worker(self._database, read_only=read_only)
        self._last_seen = 0

    def __repr__(self) -> str:
        return f"<Recording {self.where}, {'open' if self._worker.is_open else 'closed'}>"

    @property
    def where(self) -> str:
        """Path or URL, without a password."""
        return self._database.where

    # ---- opening and closing

    async def open(self) -> Self:
        """Open the database; create an empty recording where there is none. Repeatable.

        Raises RecordingError, having changed nothing, where something else is in the file or
        the tables, and where a newer aiocapdist made them. Cancelling leaves it closed.
        """
        await self._worker.open()
        return self

    async def aclose(self) -> None:
        """Close the database, after what is being written. Repeatable; never fails."""
        await self._worker.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    # ---- writing

    async def add(self, *figures: CapitalDistribution | CapitalFlow | Answer) -> None:
        """Write figures down, in transactions of up to 1,000 rows; on the disk at return.

        Takes outcomes and changes too: their ``value``, if there is one. The time seen is the
        change's ``seen_at``, else now. A flow is a row for each of its points; an empty one is
        none. Raises ValueError for figures whose time has no zone, TypeError for what holds no
        figures; nothing is written then.
        """
        rows: dict[Table, list[dict[str, Any]]] = {DISTRIBUTIONS: [], FLOWS: []}
        for item in figures:
            value = item if isinstance(item, CapitalDistribution | CapitalFlow) else _value(item)
            seen_at = self._seen(getattr(item, "seen_at", None))
            if isinstance(value, CapitalFlow):
                rows[FLOWS] += flow_rows(value, seen_at)
            elif value is not None:
                rows[DISTRIBUTIONS].append(distribution_row(value, seen_at))
        for table, all_ in rows.items():
            for start in range(0, len(all_), PAGE):
                part = all_[start : start + PAGE]
                await self._worker.use(partial(Store.write, table=table, rows=part))

    async def follow(self, watch: AsyncIterable[Answer]) -> None:
        """Write down what a watch tells, each change at once, until the watch ends.

        Errors that it tells are passed over. Any async iterable of outcomes or changes will
        do: a sweep too.
        """
        reader = aiter(watch)
        try:
            async for answer in reader:
                await self.add(answer)
        finally:
            close = getattr(reader, "aclose", None)
            if reader is not watch and close is not None:
                await close()

    # ---- reading

    def read(
        self,
        codes: Iterable[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Reader[CapitalDistribution]:
        """Return an async iterator over recorded figures, in order of their time.

        Of these ``codes`` or of all, from ``since`` (included) until ``until`` (excluded),
        which are aware times; ValueError for others. Memory stays constant: 1,000 rows are
        read at a time. What is added meanwhile is given too if its turn is still to come.
        """
        return Reader(self._worker, distributions(distribution_pages(_span(codes, since, until))))

    def read_flows(
        self,
        codes: Iterable[str] | None = None,
        period: Period | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Reader[CapitalFlow]:
        """Return an async iterator over recorded flows, in order of code, period and time.

        Of one ``period`` or of all; intraday ones day by day. ``since`` and ``until`` choose
        points as in :meth:`read`. A flow's ``last_valid_time`` is that of its newest point.
        """
        pages = flow_pages(_span(codes, since, until), _name(period))
        return Reader(self._worker, flows(pages))

    async def latest(self) -> dict[str, CapitalDistribution]:
        """Return the newest figures of each code. Reads a few rows for each, not all."""

        def newest(store: Store) -> dict[str, CapitalDistribution]:
            return {row[0]: distribution(row) for row in store.latest()}

        return await self._worker.use(newest)

    async def export(
        self,
        path: str | os.PathLike[str],
        format: Format | None = None,  # noqa: A002
        *,
        flows: bool = False,
        codes: Iterable[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """Write recorded figures to a file, in order of time; return the number of rows.

        With ``flows``, it is the points of the flows, in the order of :meth:`read_flows`.

        The ``format`` is csv, jsonl or parquet (extra ``arrow``), else told by the file's
        name. The rest is as in :meth:`read`; memory stays constant. The file gets its name
        when it is complete, and replaces one that has it; if this fails or is cancelled,
        there is none. Raises OSError if the file cannot be written, ValueError for another
        format.
        """
        target = Path(path)
        span = _span(codes, since, until)
        output = exporter(format_of(target, format), target, FLOWS if flows else DISTRIBUTIONS)
        pages = flow_pages(span, None) if flows else distribution_pages(span)
        return await output.copy(self._worker, pages)

    # ---- inside

    def _seen(self, at: datetime | None) -> int:
        """Return when figures were seen; of those without a time, no two at the same moment."""
        if at is not None:
            return to_microseconds(at)
        self._last_seen = max(self._last_seen + 1, time.time_ns() // 1000)
        return self._last_seen


def _value(item: Answer) -> CapitalDistribution | CapitalFlow | None:
    value = getattr(item, "value", item)
    if isinstance(value, CapitalDistribution | CapitalFlow | None):
        return value
    raise TypeError(f"figures, outcomes and changes are recorded, not {type(value).__name__}")


def _name(period: Period | None) -> str | None:
    return None if period is None else period.name


def _span(codes: Iterable[str] | None, since: datetime | None, until: datetime | None) -> Span:
    if isinstance(codes, str):
        raise ValueError(f"codes are several: [{codes!r}]")
    return Span(
        None if codes is None else frozenset(codes),
        None if since is None else to_microseconds(since),
        None if until is None else to_microseconds(until),
    )
