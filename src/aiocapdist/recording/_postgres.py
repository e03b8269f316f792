"""A recording in a PostgreSQL database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from .._extras import needs_extra
from ._database import Database, Failed
from ._schema import APPLICATION_ID, DISTRIBUTIONS, SCHEMA_VERSION, VERSION

# Ends a wait that cannot be cancelled: for a server that is gone, in seconds and milliseconds.
_CONNECT_TIMEOUT, _SILENCE = 10, 20_000
# As SQLite's _LOCK_WAIT. Both hold for this session alone.
_SETTINGS = "SET lock_timeout='1s'; SET application_name='aiocapdist'"
_READ_ONLY = "; SET default_transaction_read_only=on"
_REASONS = {
    "53100": ("the server's disk is full", "free some space; what was recorded is kept"),
    "25006": ("it cannot be written: the server is read-only", "write to its primary server"),
    "42501": (
        "this user may not do that",
        "GRANT it SELECT, INSERT and UPDATE, and CREATE on the schema once",
    ),
    "28P01": ("the server rejects the password", "see user and password of the URL"),
    "3D000": ("there is no such database", "create it with createdb"),
}
_LOCKED = ("40001", "40P01", "55P03")  # serialization failure, deadlock, lock_timeout


class PostgresDatabase(Database):
    """Tables of a database on a server, in the first schema of its search path."""

    insert = staticmethod(insert)

    def __init__(self, url: URL) -> None:
        with needs_extra("postgres", "a recording in PostgreSQL"):
            import psycopg
        self._errors = psycopg.Error
        self._url = url
        host = url.host or str(url.query.get("host", ""))
        place = f"{host}:{url.port}" if url.port else host
        self.where = f"postgresql://{place}/{url.database or ''}"

    def open(self, *, read_only: bool) -> Engine:
        limits: dict[str, Any] = {"connect_timeout": _CONNECT_TIMEOUT}
        limits.update(tcp_user_timeout=_SILENCE, keepalives_idle=10, keepalives_interval=5)
        engine = create_engine(
            self._url,
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            connect_args={k: v for k, v in limits.items() if k not in self._url.query},
        )
        settings = _SETTINGS + _READ_ONLY if read_only else _SETTINGS

        def configure(connection: Any, _: object) -> None:
            connection.execute(settings)
            connection.commit()

        event.listen(engine, "connect", configure)
        try:
            with engine.begin() as connection:
                self._prepare(connection, read_only=read_only)
        except DBAPIError as error:
            engine.dispose()
            raise self.explain(error) from error.orig
        except BaseException:
            engine.dispose()
            raise
        return engine

    def check(self) -> None:
        """A server keeps what it was given."""

    def _prepare(self, connection: Connection, *, read_only: bool) -> None:
        tables = DISTRIBUTIONS.metadata.tables
        found = set(inspect(connection).get_table_names()) & set(tables)
        if not found and not read_only:
            # Of several that come first, one creates the tables while the others wait.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({APPLICATION_ID})")
            found = set(inspect(connection).get_table_names()) & set(tables)
        if VERSION.name in found:
            version = connection.execute(select(VERSION.c.schema_version)).scalar() or 0
            if version > SCHEMA_VERSION:
                raise self.too_new(version, SCHEMA_VERSION)
        elif found:
            raise self.failed(
                f"it has a table {min(found)} that is not a recording's",
                "use a database of its own, or a schema by ?options=-csearch_path%3DNAME",
            )
        elif read_only:
            raise self.failed("there is no recording yet", "check the URL")
        else:
            DISTRIBUTIONS.metadata.create_all(connection)
            connection.execute(VERSION.insert().values(schema_version=SCHEMA_VERSION))

    def explain(self, error: DBAPIError) -> Failed:
        assert isinstance(error.orig, self._errors)
        state: str | None = error.orig.sqlstate
        if state in _LOCKED:
            return self.failed("other sessions keep it locked", "see pg_locks", "locked")
        if state in _REASONS:
            return self.failed(*_REASONS[state])
        # Without a state it is the connection's, not the server's; class 57P: shutting down.
        lost = error.connection_invalidated or state is None or state.startswith(("08", "57P"))
        reason = (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
        if lost:
            return self.failed(reason, "check that the server runs", "away")
        return self.failed(reason, "see the server's log")
