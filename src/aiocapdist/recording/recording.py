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

from ..models import CapitalDistribution, CapitalFlow, Period, Security
from ..models.securities import check_codes
from ._database import Database, Failed
from ._export import Format, exporter, format_of
from ._flow_rows import flow_rows
from ._locations import database_at
from ._reader import Reader, distribution_pages, distributions, flow_pages, flows
from ._rows import distribution, distribution_row, to_microseconds
from ._schema import DISTRIBUTIONS, FLOWS
from ._store import PAGE, Span, Store
from ._worker import Worker


class Answer(Protocol):
    """An object with figures or without: a sweep's Outcome, a watch's Change."""

    @property
    def value(self) -> CapitalDistribution | CapitalFlow | None: ...


class Recording:
    """Figures kept in a database: ``async with Recording("day.sqlite") as recording``.

    There is one row for each code and time of its figures; figures without a time have a row
    for each time they were seen. If figures for the same time differ, those seen last win.
    Rows are on the disk when :meth:`add` returns. Several programs may write and read the
    same recording.

    Runs on asyncio, uvloop and trio; the database is used in a worker thread, by one call
    at a time. Every call can be cancelled: a transaction that was running is then written
    completely or not at all, and the recording stays usable. Every method that uses the
    database raises RecordingError if it cannot be opened, read or written; a locked database is
    retried for 30 s.

    :param where: Path, or SQLAlchemy URL of SQLite or PostgreSQL (extra ``postgres``). A file or
        its tables are created if they are not there.
    :param read_only: Create and change nothing.
    :raises ValueError: An invalid path or URL.
    :raises ModuleNotFoundError: psycopg is needed and not installed.
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

    # ---- Opening and closing

    async def open(self) -> Self:
        """Open the database; create the recording if there is none. Can be repeated.

        Raises RecordingError, and changes nothing, if the file or the tables are not a
        recording's, or were made by a newer aiocapdist. If cancelled, it is closed.
        """
        await self._worker.open()
        return self

    def check(self) -> None:
        """Raise RecordingError if its file was moved, deleted or replaced since it was opened.

        Works on a closed recording too, and without a look into the file.
        """
        try:
            self._database.check()
        except Failed as failed:
            raise failed.error from None

    async def aclose(self) -> None:
        """Finish the current transaction and close the database. Can be repeated; never fails."""
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

    # ---- Writing

    async def add(self, *figures: CapitalDistribution | CapitalFlow | Answer) -> None:
        """Record figures, in transactions of up to 1,000 rows. They are on the disk at return.

        Of an outcome or a change, its ``value`` is recorded, if it has one. The time seen is
        a change's ``seen_at``, otherwise now. A flow has a row for each of its points. Raises
        ValueError for figures whose time has no zone, TypeError for other objects; nothing is
        recorded then.
        """
        if self._worker.read_only:
            reason = "it cannot be written: it was opened with read_only=True"
            raise self._database.failed(reason, "open it without").error
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
        """Record each change of a watch at once, until the watch ends.

        Changes without figures are skipped. Any async iterable of changes or outcomes works,
        such as a sweep.
        """
        if not isinstance(watch, AsyncIterable):
            kind = type(watch).__name__
            raise TypeError(f"a watch or a sweep is followed, not {kind}; add(*figures) records it")
        reader = aiter(watch)
        try:
            async for answer in reader:
                await self.add(answer)
        finally:
            close = getattr(reader, "aclose", None)
            if reader is not watch and close is not None:
                await close()

    # ---- Reading

    def read(
        self,
        codes: Iterable[str | Security] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Reader[CapitalDistribution]:
        """Return an async iterator over recorded figures, in order of their time.

        ``codes`` limits it to these, ``since`` (included) and ``until`` (excluded) to a time
        range. Both are aware; ValueError for naive ones, InvalidCode for a wrong code. Memory
        use is constant: 1,000 rows are read at a time. Rows added meanwhile are returned if
        they are later in the order.
        """
        return Reader(self._worker, distributions(distribution_pages(_span(codes, since, until))))

    def read_flows(
        self,
        codes: Iterable[str | Security] | None = None,
        period: Period | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Reader[CapitalFlow]:
        """Return an async iterator over recorded flows, in order of code, period and time.

        ``period`` limits it to one; intraday, each day is a flow of its own. ``since`` and
        ``until`` limit the points as in :meth:`read`. ``last_valid_time`` is that of the point
        seen last.
        """
        pages = flow_pages(_span(codes, since, until), _name(period))
        return Reader(self._worker, flows(pages))

    async def latest(self) -> dict[str, CapitalDistribution]:
        """Return the newest figures of each code. Takes a few steps for each code, no scan."""

        def newest(store: Store) -> dict[str, CapitalDistribution]:
            return {row[0]: distribution(row) for row in store.latest()}

        return await self._worker.use(newest)

    async def export(
        self,
        path: str | os.PathLike[str],
        format: Format | None = None,  # noqa: A002
        *,
        flows: bool = False,
        codes: Iterable[str | Security] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """Write recorded figures to a file, in order of time; return the number of rows.

        With ``flows``, write the points of the flows instead, in the order of
        :meth:`read_flows`. ``format`` is csv, jsonl or parquet (extra ``arrow``); by default
        it follows from the file's suffix. The other arguments are as in :meth:`read`, and
        memory use is constant. The file gets its name when it is complete; a failed or
        cancelled export leaves none, and keeps an older file of that name. A pipe or a device is
        written to as it is, but not in Parquet. Raises OSError if
        the file cannot be written, ValueError for another format.
        """
        target = Path(path)
        span = _span(codes, since, until)
        output = exporter(format_of(target, format), target, FLOWS if flows else DISTRIBUTIONS)
        pages = flow_pages(span, None) if flows else distribution_pages(span)
        return await output.copy(self._worker, pages)

    # ---- Internals

    def _seen(self, at: datetime | None) -> int:
        """Return when figures were seen, in microseconds. Never returns the same time twice."""
        if at is not None:
            return to_microseconds(at)
        self._last_seen = max(self._last_seen + 1, time.time_ns() // 1000)
        return self._last_seen


def _value(item: Answer) -> CapitalDistribution | CapitalFlow | None:
    value = getattr(item, "value", item)
    if isinstance(value, CapitalDistribution | CapitalFlow | None):
        return value
    several = "" if isinstance(value, str) or not isinstance(value, Iterable) else "; try add(*it)"
    kind = type(value).__name__
    raise TypeError(f"figures, outcomes and changes are recorded, not {kind}{several}")


def _name(period: Period | None) -> str | None:
    return None if period is None else Period(period).name


def _span(
    codes: Iterable[str | Security] | None, since: datetime | None, until: datetime | None
) -> Span:
    wanted = None
    if codes is not None:
        check_codes(codes)
        wanted = frozenset(str(Security.parse(code)) for code in codes)
    return Span(
        wanted,
        None if since is None else to_microseconds(since),
        None if until is None else to_microseconds(until),
    )
