"""Reading and writing an open recording. Synchronous: runs in a worker thread."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, Engine, Select, Table, bindparam, func, select, text, tuple_
from sqlalchemy.exc import DBAPIError

from ._database import Database
from ._schema import DISTRIBUTIONS, FLOWS

Row: TypeAlias = Sequence[Any]
Key: TypeAlias = tuple[Any, ...]
"""Place of a row in the order of reading: time and code, of flows code, period and time."""
PAGE = 1000
"""Rows that are read, or written in one transaction, at a time."""
# More than this many codes are picked out of all rows; fewer are read code by code.
_FEW_CODES = 64
MOST_POINTS = 2000
"""Points of a flow that are read to be played back: more than a day has minutes."""
_LATEST = """
WITH RECURSIVE codes(code) AS (
    SELECT min(code) FROM {table}
    UNION ALL
    SELECT (SELECT min(code) FROM {table} WHERE code > codes.code)
    FROM codes WHERE codes.code IS NOT NULL
)
SELECT {columns} FROM codes JOIN {table} AS newest ON newest.code = codes.code
AND newest.time = (SELECT max(time) FROM {table} WHERE code = codes.code)
"""


class Span(NamedTuple):
    """Which rows to read: of these codes, or all; times in microseconds, ``until`` excluded."""

    codes: Collection[str] | None
    since: int | None
    until: int | None


class Page(NamedTuple):
    """Rows in order, and after which key the next page begins; None at the end."""

    rows: list[Row]
    after: Key | None


class Store:
    """An open recording. Every method is one short transaction, and raises Failed."""

    def __init__(self, database: Database, *, read_only: bool) -> None:
        self._database = database
        self._engine: Engine = database.open(read_only=read_only)
        self._writer = self._engine.execution_options(writing=True)

    def close(self) -> None:
        """Close the connection. SQLite then puts all rows into the one file."""
        self._engine.dispose()

    def write(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        """Insert these rows; where a key is there already, the row seen last wins."""
        names = list(table.primary_key.columns.keys())
        newest: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in rows:
            key = tuple(row[name] for name in names)
            if key not in newest or newest[key]["seen_at"] <= row["seen_at"]:
                newest[key] = row
        insert = self._database.insert(table)
        statement = insert.on_conflict_do_update(
            index_elements=names,
            set_={c.name: insert.excluded[c.name] for c in table.c if not c.primary_key},
            where=insert.excluded.seen_at >= table.c.seen_at,
        )
        with self._explained(), self._writer.begin() as connection:
            self._database.check()
            # Sorted: two writers that lock the same rows in one order cannot deadlock.
            connection.execute(statement, [newest[key] for key in sorted(newest)])

    def page(self, span: Span, after: Key | None) -> Page:
        """Read about PAGE distributions of a span, from the beginning or ``after`` a key."""
        with self._explained(), self._engine.connect() as connection:
            if span.codes is not None and len(span.codes) <= _FEW_CODES:
                return _page_by_code(connection, span, after)
            page = _page_by_time(connection, span, after)
        if span.codes is None:
            return page
        wanted = frozenset(span.codes)
        return Page([row for row in page.rows if row[0] in wanted], page.after)

    def flow_page(self, span: Span, period: str | None, after: Key | None) -> Page:
        """Read up to PAGE rows of flows, all or of one period, in order of their key."""
        t = FLOWS.c
        query = _within(select(FLOWS), span, FLOWS).order_by(t.code, t.period, t.time)
        if period is not None:
            query = query.where(t.period == period)
        if after is not None:
            query = query.where(tuple_(t.code, t.period, t.time) > tuple_(*after))
        rows: list[Row] = []
        codes: Sequence[str | None] = [None]
        if span.codes is not None:
            codes = sorted(code for code in set(span.codes) if after is None or code >= after[0])
        with self._explained(), self._engine.connect() as connection:
            for code in codes:
                one = query if code is None else query.where(t.code == bindparam("wanted", code))
                rows += connection.execute(one.limit(PAGE - len(rows))).all()
                if len(rows) == PAGE:
                    return Page(rows, tuple(rows[-1][:3]))
        return Page(rows, None)

    def latest(self) -> list[Row]:
        """Read the newest distribution of every code: a few steps for each, not a scan."""
        columns = ", ".join(f"newest.{name}" for name in DISTRIBUTIONS.c.keys())  # noqa: SIM118
        query = text(_LATEST.format(table=DISTRIBUTIONS.name, columns=columns))
        with self._explained(), self._engine.connect() as connection:
            return list(connection.execute(query))

    # ---- For playing back

    def around(self, code: str, time: int, count: int) -> tuple[list[Row], bool]:
        """Read the row of a code at a time, and up to ``count`` after; True if it has more."""
        t = DISTRIBUTIONS.c
        query = select(DISTRIBUTIONS).where(t.code == bindparam("code"))
        before = query.where(t.time <= bindparam("now")).order_by(t.time.desc()).limit(1)
        after = query.where(t.time > bindparam("now")).order_by(t.time).limit(count)
        values = {"code": code, "now": time}
        with self._explained(), self._engine.connect() as connection:
            rows: list[Row] = list(connection.execute(before, values))
            following = len(rows)
            rows.extend(connection.execute(after, values))
        return rows, len(rows) - following == count

    def newest_points(self, code: str, period: str, time: int) -> list[Row]:
        """Read the points of a flow up to a time: of the latest day, or of all; in order."""
        t = FLOWS.c
        query = select(FLOWS).where(t.code == code, t.period == period, t.time <= time)
        query = query.order_by(t.time.desc()).limit(MOST_POINTS)
        with self._explained(), self._engine.connect() as connection:
            rows: list[Row] = list(connection.execute(query))
        return rows[::-1]

    def last_time(self, until: int) -> int | None:
        """Read the time of the last distribution up to a time."""
        t = DISTRIBUTIONS.c
        return self._scalar(select(func.max(t.time)).where(t.time <= until))

    def next_time(self, after: int | None) -> int | None:
        """Read the time of the first distribution after a time, or of the first one of all."""
        t = DISTRIBUTIONS.c
        query = select(func.min(t.time))
        return self._scalar(query if after is None else query.where(t.time > after))

    def _scalar(self, query: Select[Any]) -> int | None:
        with self._explained(), self._engine.connect() as connection:
            found: int | None = connection.execute(query).scalar()
        return found

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._database.explain(error) from error.orig


def _page_by_time(connection: Connection, span: Span, after: Key | None) -> Page:
    t = DISTRIBUTIONS.c
    query = _within(select(DISTRIBUTIONS), span).order_by(t.time, t.code).limit(PAGE)
    if after is not None:
        query = query.where(tuple_(t.time, t.code) > tuple_(*after))
    rows: list[Row] = list(connection.execute(query))
    return Page(rows, _key(rows[-1]) if len(rows) == PAGE else None)


def _page_by_code(connection: Connection, span: Span, after: Key | None) -> Page:
    """Read a part of each code's rows, and return what is before the shortest part's end."""
    assert span.codes is not None
    t = DISTRIBUTIONS.c
    share = max(1, PAGE // max(1, len(span.codes)))
    wanted = t.code == bindparam("wanted")
    queries = [_within(select(DISTRIBUTIONS).where(wanted), span)]
    if after is not None:
        # A code up to this one has given its row of that very time already.
        queries = [queries[0].where(t.time > after[0]), queries[0].where(t.time >= after[0])]
    rows: list[Row] = []
    ends: list[Key] = []
    for code in set(span.codes):
        query = queries[-1] if after is None or code > after[1] else queries[0]
        found = connection.execute(query.order_by(t.time).limit(share), {"wanted": code}).all()
        rows.extend(found)
        if len(found) == share:
            ends.append(_key(found[-1]))
    rows.sort(key=_key)
    if not ends:
        return Page(rows, None)
    end = min(ends)
    return Page([row for row in rows if _key(row) <= end], end)


def _within(query: Select[Any], span: Span, table: Table = DISTRIBUTIONS) -> Select[Any]:
    t = table.c
    if span.since is not None:
        query = query.where(t.time >= span.since)
    if span.until is not None:
        query = query.where(t.time < span.until)
    return query


def _key(row: Row) -> Key:
    return row[1], row[0]
