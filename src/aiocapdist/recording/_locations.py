"""Where a recording is: a path or a URL, and the kind of database there."""

from __future__ import annotations

import os

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ._database import Database


def database_at(where: str | os.PathLike[str] | URL) -> Database:
    """Return the database that a path or a URL means. ValueError for anything else."""
    if isinstance(where, os.PathLike):
        where = os.fspath(where)
    if isinstance(where, str) and "://" not in where:
        return _sqlite(where)
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):
        raise ValueError(_EXPECTED) from None  # the URL itself may hold a password
    if url.get_backend_name() == "sqlite" and url.get_driver_name() == "pysqlite":
        if url.query or url.host or not url.database:
            raise ValueError("a SQLite URL names a file and nothing else: sqlite:///day.sqlite")
        return _sqlite(url.database)
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        from ._postgres import PostgresDatabase

        return PostgresDatabase(url.set(drivername="postgresql+psycopg"))
    raise ValueError(f"{_EXPECTED}; the URL's driver is {url.drivername!r}")


_EXPECTED = (
    "a recording is a path such as 'day.sqlite', or a URL: sqlite:///day.sqlite or "
    "postgresql://user@host/database"
)


def _sqlite(path: str) -> Database:
    from ._sqlite import SqliteDatabase

    if not path or "\0" in path or path == ":memory:":
        raise ValueError(_EXPECTED)
    return SqliteDatabase(path)
