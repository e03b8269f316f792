"""A recording in a SQLite file."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from ._database import Database, Failed
from ._schema import APPLICATION_ID, DISTRIBUTIONS, SCHEMA_VERSION, VERSION

# Seconds. Short, since a waiting thread cannot be cancelled; Worker retries for longer.
_LOCK_WAIT = 0.2
_TABLES = [table for table in DISTRIBUTIONS.metadata.sorted_tables if table is not VERSION]
_READABLE = "what was recorded before is kept and can be read"


class SqliteDatabase(Database):
    """One file, kept in WAL mode, and with it ``-wal`` and ``-shm`` files while it is open."""

    insert = staticmethod(insert)

    def __init__(self, path: str) -> None:
        self.where = path
        try:
            self._path = os.path.abspath(path)
        except FileNotFoundError:
            raise ValueError("the current folder was deleted: give a whole path") from None
        self._uri = Path(self._path).as_uri()
        self._identity: tuple[int, int] | None = None

    def open(self, *, read_only: bool) -> Engine:
        exists = self._inspect()
        if read_only and not exists:
            raise self.failed("there is no recording yet", "check the path")
        options = self._access() if read_only else "mode=rw" if exists else "mode=rwc"
        engine = self._engine(options, query_only=read_only)
        try:
            with engine.execution_options(writing=not exists).begin() as connection:
                self._prepare(connection, read_only=read_only)
            if not read_only:
                self._use_wal(engine)
        except DBAPIError as error:
            engine.dispose()
            raise self.explain(error) from error.orig
        except BaseException:
            engine.dispose()
            raise
        self._identity = self._file_id()
        return engine

    def check(self) -> None:
        # SQLite would go on writing into a file that has no name any more.
        if self._file_id() != self._identity:
            raise self.failed(
                "its file was moved, deleted or replaced while it was open",
                "put the file back, or close this Recording and open it again",
            )

    # ---- Opening

    def _inspect(self) -> bool:
        """True if the file is a recording, False if it is empty or not there yet."""
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            if not os.path.isdir(os.path.dirname(self._path)):
                raise self.failed("its folder does not exist", "create the folder") from None
            return False
        except OSError as error:
            raise self.failed(
                error.strerror or str(error), "check the path's permissions"
            ) from error
        if stat.S_ISDIR(status.st_mode):
            raise self.failed("it is a directory", "name a file in it")
        if not stat.S_ISREG(status.st_mode):
            raise self.failed("it is not a regular file", "give the recording another path")
        if not os.access(self._path, os.R_OK):
            raise self.failed("it cannot be read: permission denied", "check its permissions")
        if status.st_size == 0:
            return False
        application, version = self._header()
        if application != APPLICATION_ID:
            raise self.failed(
                "it is an SQLite database, but not a recording",
                "give the recording another path",
            )
        if version > SCHEMA_VERSION:
            raise self.too_new(version, SCHEMA_VERSION)
        return True

    def _header(self) -> tuple[int, int]:
        """Return application_id and user_version of the file, touching nothing.

        By SQLite itself: closing a file opened by other means would drop the locks that
        other connections of this process hold on it. ``immutable`` creates no files beside it.
        """
        try:
            with closing(sqlite3.connect(f"{self._uri}?immutable=1", uri=True)) as connection:
                return tuple(
                    connection.execute(f"PRAGMA {name}").fetchone()[0]
                    for name in ("application_id", "user_version")
                )
        except sqlite3.DatabaseError as error:
            raise self._explain(error) from error

    def _engine(self, options: str, *, query_only: bool) -> Engine:
        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(
                f"{self._uri}?{options}",
                uri=True,
                timeout=_LOCK_WAIT,
                isolation_level=None,  # transactions begin and end where we say so
                check_same_thread=False,
            )
            # Each commit is on the disk when it returns. An account's quota gives a row a
            # second, and a disk takes hundreds of such commits.
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA fullfsync=ON")  # macOS; elsewhere it does nothing
            connection.execute(f"PRAGMA query_only={query_only}")
            return connection

        engine = create_engine(
            "sqlite://", creator=connect, poolclass=QueuePool, pool_size=1, max_overflow=0
        )
        event.listen(engine, "begin", _begin)
        return engine

    def _access(self) -> str:
        """Return how to open the file to read it: SQLite wants to write beside it even so."""
        folder = os.path.dirname(self._path)
        if os.access(self._path, os.W_OK) and os.access(folder, os.W_OK):
            return "mode=rw"  # removes its side files when it closes, as mode=ro cannot
        if os.path.exists(f"{self._path}-wal") or os.access(folder, os.W_OK):
            return "mode=ro"
        return "immutable=1"  # such as on a read-only disk, where nobody writes

    def _prepare(self, connection: Connection, *, read_only: bool) -> None:
        """Check that the tables are ours, or create them in an empty file."""
        if not _scalar(connection, "SELECT count(*) FROM sqlite_master") and not read_only:
            # Still in rollback mode: this commit reaches the file's header, which says whose
            # it is even if we are killed right after it.
            DISTRIBUTIONS.metadata.create_all(connection, tables=_TABLES)
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")
            return
        if _scalar(connection, "PRAGMA application_id") != APPLICATION_ID:
            raise self.failed(
                "it is an SQLite database, but not a recording",
                "give the recording another path",
            )
        version = _scalar(connection, "PRAGMA user_version")
        if version > SCHEMA_VERSION:
            raise self.too_new(version, SCHEMA_VERSION)

    def _use_wal(self, engine: Engine) -> None:
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
            if mode != "wal":
                mode = cursor.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise self._explain(error) from error
        finally:
            connection.close()
        if mode != "wal":
            raise self.failed(
                "SQLite cannot use its write-ahead log there", "put it on a local disk"
            )

    def _file_id(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    # ---- Errors

    def explain(self, error: DBAPIError) -> Failed:
        assert isinstance(error.orig, sqlite3.Error)
        return self._explain(error.orig)

    def _explain(self, error: sqlite3.Error) -> Failed:
        code: int | None = getattr(error, "sqlite_errorcode", None)
        match None if code is None else code & 0xFF:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
                return self.failed("another program keeps it locked", "end that one", "locked")
            case sqlite3.SQLITE_FULL:
                return self.failed("the disk is full", f"free some space; {_READABLE}")
            case sqlite3.SQLITE_IOERR:
                name = error.sqlite_errorname
                return self.failed(
                    f"the disk reported an error ({name})",
                    f"check whether the disk, or your share of it, is full; {_READABLE}",
                )
            case sqlite3.SQLITE_READONLY:
                return self.failed("it cannot be written", "check its permissions and its folder's")
            case sqlite3.SQLITE_CANTOPEN:
                return self.failed("it cannot be opened", "check its permissions and its folder's")
            case sqlite3.SQLITE_NOTADB:
                return self.failed(
                    "it is not an SQLite database", "give the recording another path"
                )
            case sqlite3.SQLITE_CORRUPT:
                return self.failed("it is damaged", "save what you can: sqlite3 FILE .recover")
        return self.failed(str(error), "compare its tables with the documented ones")


def _begin(connection: Connection) -> None:
    # IMMEDIATE takes the lock for writing at once: waiting for it later is not possible.
    writing = connection.get_execution_options().get("writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _scalar(connection: Connection, sql: str) -> Any:
    return connection.exec_driver_sql(sql).scalar()
