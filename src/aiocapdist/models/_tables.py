"""Models as rows and columns, for pandas, Polars and Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from enum import Enum, IntEnum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from .._extras import needs_extra
from ._base import Frozen

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow


class Kind(Enum):
    """Type of a column. Times are aware, in UTC, in microseconds; every column is nullable."""

    TEXT = str
    FLOAT = float
    INTEGER = int
    BOOLEAN = bool
    TIME = datetime
    DAY = date


Columns = dict[str, tuple[Kind, list[Any]]]
"""Type and values of each column, by name."""


def columns_of(items: Sequence[Frozen], model: type[Frozen]) -> Columns:
    """Return all fields of models, computed ones included; members of enums by name."""
    kinds = _kinds(model)
    for item in items:
        if type(item) is not model:
            other = type(item).__name__
            raise TypeError(f"a table is of one model: {model.__name__}, not {other}")
    return {
        name: (kind, [_plain(getattr(item, name), kind) for item in items])
        for name, kind in kinds.items()
    }


class Tabular:
    """Adds ``rows()``, ``to_pandas()``, ``to_polars()`` and ``to_arrow()``.

    All have the same columns, computed ones included, in the same order, and keep the order
    of rows; an empty table has its columns too. Markets are names. Times are aware, in UTC.
    Amounts are exact. What is absent is null (None in rows).
    """

    __slots__ = ()

    def _columns(self) -> Columns:
        raise NotImplementedError

    def rows(self) -> list[dict[str, Any]]:
        """Return a list of rows, each a dict from column to value."""
        return rows_from(self._columns())

    def to_pandas(self) -> pandas.DataFrame:
        """Return a pandas DataFrame with nullable types (``Float64``, ``string``).

        Raises ModuleNotFoundError if pandas is not installed (extra ``pandas``).
        """
        return pandas_from(self._columns())

    def to_polars(self) -> polars.DataFrame:
        """Return a Polars DataFrame.

        Raises ModuleNotFoundError if Polars is not installed (extra ``polars``).
        """
        return polars_from(self._columns())

    def to_arrow(self) -> pyarrow.Table:
        """Return an Arrow table.

        Raises ModuleNotFoundError if pyarrow is not installed (extra ``arrow``).
        """
        return arrow_from(self._columns())


def rows_from(columns: Columns) -> list[dict[str, Any]]:
    """Return the rows of a table as dicts."""
    names = list(columns)
    lists = [values for _, values in columns.values()]
    return [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]


def pandas_from(columns: Columns) -> pandas.DataFrame:
    """Return a table as a pandas DataFrame."""
    with needs_extra("pandas", "to_pandas()"):
        import pandas as pd
    types = {
        Kind.TEXT: "string",
        Kind.FLOAT: "Float64",
        Kind.INTEGER: "Int64",
        Kind.BOOLEAN: "boolean",
        Kind.TIME: "datetime64[us, UTC]",
        Kind.DAY: "datetime64[s]",
    }
    return pd.DataFrame(
        {name: pd.Series(values, dtype=types[kind]) for name, (kind, values) in columns.items()}
    )


def polars_from(columns: Columns) -> polars.DataFrame:
    """Return a table as a Polars DataFrame."""
    with needs_extra("polars", "to_polars()"):
        import polars as pl
    types = {
        Kind.TEXT: pl.String(),
        Kind.FLOAT: pl.Float64(),
        Kind.INTEGER: pl.Int64(),
        Kind.BOOLEAN: pl.Boolean(),
        Kind.TIME: pl.Datetime("us", "UTC"),
        Kind.DAY: pl.Date(),
    }
    return pl.DataFrame(
        {name: values for name, (_, values) in columns.items()},
        schema={name: types[kind] for name, (kind, _) in columns.items()},
    )


def arrow_from(columns: Columns) -> pyarrow.Table:
    """Return a table as an Arrow table."""
    with needs_extra("arrow", "to_arrow()"):
        import pyarrow as pa
    types: dict[Kind, pyarrow.DataType] = {
        Kind.TEXT: pa.string(),
        Kind.FLOAT: pa.float64(),
        Kind.INTEGER: pa.int64(),
        Kind.BOOLEAN: pa.bool_(),
        Kind.TIME: pa.timestamp("us", tz="UTC"),
        Kind.DAY: pa.date32(),
    }
    return pa.table(
        {name: values for name, (_, values) in columns.items()},
        schema=pa.schema([(name, types[kind]) for name, (kind, _) in columns.items()]),
    )


@cache
def _kinds(model: type[Frozen]) -> dict[str, Kind]:
    """Return the type of each column of a model."""
    model.model_rebuild()  # computed fields have no types until it is built
    annotations = {name: field.annotation for name, field in model.model_fields.items()}
    computed = model.model_computed_fields
    annotations |= {name: field.return_type for name, field in computed.items()}
    return {name: _kind(model, name, annotation) for name, annotation in annotations.items()}


def _kind(model: type, name: str, annotation: Any) -> Kind:
    found = set(_types(annotation))
    if any(issubclass(each, IntEnum) for each in found):
        return Kind.TEXT
    if len(found) == 1 and (kind := found.pop()) in Kind._value2member_map_:
        return Kind(kind)
    raise TypeError(f"{model.__name__} is no table row: {name} is not one value")


def _types(annotation: Any) -> Iterator[type]:
    """Yield the classes in an annotation such as ``Annotated[float, …] | None``."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        for each in get_args(annotation):
            yield from _types(each)
    elif origin is Annotated:
        yield from _types(get_args(annotation)[0])
    elif annotation is not NoneType:
        yield annotation if isinstance(annotation, type) else object


def _plain(value: Any, kind: Kind) -> Any:
    if isinstance(value, Enum):
        return value.name
    return str(value) if kind is Kind.TEXT and value is not None else value
