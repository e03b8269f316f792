"""Files that a recording is exported to: CSV, JSON lines, Parquet."""

from __future__ import annotations

import csv
import json
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TextIO, TypeAlias, cast, get_args

from anyio import CancelScope
from sqlalchemy import BigInteger, Date, Double, Table, Text

from .._extras import needs_extra
from ._reader import Pages
from ._rows import from_microseconds
from ._store import Key, Row, Store
from ._worker import Worker

Format: TypeAlias = Literal["csv", "jsonl", "parquet"]
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
# Pages in a row group of a Parquet file, which readers skip as a whole by its times.
_GROUP = 64


def format_of(path: Path, given: str | None) -> Format:
    """Return the format that was given, else that of the file's name. ValueError for none."""
    kind = given or _SUFFIXES.get(path.suffix.lower())
    if kind not in get_args(Format):
        raise ValueError(
            f"a recording is exported as csv, jsonl or parquet, not {given or path.name!r}"
        )
    return cast(Format, kind)


class Exporter(ABC):
    """Writes rows to a file, which gets its name when it is complete.

    Until then its name ends in ``.part``. A device or a pipe is written to as it is.
    """

    def __init__(self, path: Path, table: Table) -> None:
        self._path = path
        # What /dev/stdout is, a regular file too, belongs to others.
        is_device = path.parts[1:2] == ("dev",)
        self._is_stream = path.exists() and (is_device or not path.is_file())
        # Of a symlink, the file that it points to is replaced.
        self._file_path = Path(os.path.realpath(path))
        part = f"{self._file_path.name}.{secrets.token_hex(4)}.part"
        self._part = path if self._is_stream else self._file_path.with_name(part)
        self._names = table.c.keys()
        self._types = [type(column.type) for column in table.c]
        self._count = 0
        self._discarded = False

    async def copy(self, worker: Worker, pages: Pages) -> int:
        """Write the rows of all pages; return their number. Raises OSError, RecordingError."""
        try:
            after = await worker.use(partial(self._copy_page, pages=pages, after=None))
            while after is not None:
                after = await worker.use(partial(self._copy_page, pages=pages, after=after))
            await worker.run(self._finish)
        except BaseException as error:
            if isinstance(error, OSError) and error.filename == str(self._part):
                error.filename = str(self._path)
            with CancelScope(shield=True):
                await worker.run(self._discard)
            raise
        return self._count

    # ---- In the worker's thread

    def _copy_page(self, store: Store, pages: Pages, after: Key | None) -> Key | None:
        page = pages(store, after)
        # Discarded: its task was cancelled before the thread came to it.
        if not self._discarded:
            if after is None:
                self._open()
            if page.rows:
                self._write(page.rows)
                self._count += len(page.rows)
        return page.after

    def _finish(self) -> None:
        if not self._discarded:
            self._close()
            if not self._is_stream:
                os.replace(self._part, self._file_path)

    def _discard(self) -> None:
        self._discarded = True
        with suppress(OSError):  # such as a full disk, whose error is being raised already
            self._close()
        if not self._is_stream:
            self._part.unlink(missing_ok=True)

    @abstractmethod
    def _open(self) -> None: ...

    @abstractmethod
    def _write(self, rows: Sequence[Row]) -> None: ...

    @abstractmethod
    def _close(self) -> None:
        """Write what is left and close the file, if it is open."""


class _TextExporter(Exporter):
    _file: TextIO | None = None

    def _open(self) -> None:
        mode: Literal["a", "w"] = "a" if self._is_stream else "w"
        self._file = self._part.open(mode, encoding="utf-8", newline="")

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _readable(self, row: Row) -> list[Any]:
        return [
            value if value is None else _TEXTS.get(kind, _unchanged)(value)
            for kind, value in zip(self._types, row, strict=True)
        ]


class CsvExporter(_TextExporter):
    """A header and a line for each row; what is absent is empty, times are ISO 8601."""

    _writer: Any = None

    def _open(self) -> None:
        super()._open()
        self._writer = csv.writer(self._file, lineterminator="\n")  # type: ignore[arg-type]
        self._writer.writerow(self._names)

    def _write(self, rows: Sequence[Row]) -> None:
        self._writer.writerows(map(_without_formulas, map(self._readable, rows)))


class JsonlExporter(_TextExporter):
    """An object on each line; what is absent is null, times are ISO 8601."""

    def _write(self, rows: Sequence[Row]) -> None:
        assert self._file is not None
        for row in rows:
            record = dict(zip(self._names, self._readable(row), strict=True))
            self._file.write(json.dumps(record, ensure_ascii=False) + "\n")


class ParquetExporter(Exporter):
    """A Parquet file: times are timestamps in UTC, in microseconds."""

    _writer: Any = None

    def __init__(self, path: Path, table: Table) -> None:
        super().__init__(path, table)
        with needs_extra("arrow", "exporting Parquet"):
            self._parquet: Any = import_module("pyarrow.parquet")  # it has no types
            self._arrow: Any = import_module("pyarrow")
        kinds = {
            BigInteger: self._arrow.timestamp("us", tz="UTC"),
            Double: self._arrow.float64(),
            Date: self._arrow.date32(),
            Text: self._arrow.string(),
        }
        columns = zip(self._names, self._types, strict=True)
        self._schema = self._arrow.schema([(name, kinds[kind]) for name, kind in columns])
        self._pending: list[Any] = []

    def _open(self) -> None:
        self._writer = self._parquet.ParquetWriter(self._part, self._schema, compression="zstd")

    def _write(self, rows: Sequence[Row]) -> None:
        columns = [
            self._arrow.array(values, self._schema.types[n])
            for n, values in enumerate(zip(*rows, strict=True))
        ]
        self._pending.append(self._arrow.record_batch(columns, schema=self._schema))
        if len(self._pending) == _GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._writer.write_table(self._arrow.Table.from_batches(self._pending))
        self._pending = []

    def _close(self) -> None:
        if self._writer is not None:
            if not self._discarded:
                self._flush()
            self._writer.close()


_EXPORTERS: dict[Format, type[Exporter]] = {
    "csv": CsvExporter,
    "jsonl": JsonlExporter,
    "parquet": ParquetExporter,
}


def exporter(kind: Format, path: Path, table: Table) -> Exporter:
    """Return what writes this format. ModuleNotFoundError where it needs another package."""
    return _EXPORTERS[kind](path, table)


def _iso(microseconds: int) -> str:
    at = from_microseconds(microseconds).replace(tzinfo=None)
    return f"{at.isoformat(timespec='microseconds')}Z"


def _unchanged(value: Any) -> Any:
    return value


_TEXTS: dict[type[Any], Callable[[Any], Any]] = {BigInteger: _iso, Date: date.isoformat}


def _without_formulas(row: list[Any]) -> list[Any]:
    """Keep spreadsheets from running a text of OpenD's as a formula."""
    return [
        f"'{value}" if isinstance(value, str) and value.startswith(tuple("=+-@\t\r")) else value
        for value in row
    ]
