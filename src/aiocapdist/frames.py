"""Tables of figures: pandas, Polars, Arrow, or plain rows.

::

    result = await client.capital_distributions(codes)
    frame = aiocapdist.frames.to_pandas(result)      # or result.to_pandas()

Each function takes a SweepResult, a CapitalFlow, or an iterable of models of one class:
CapitalDistribution, CapitalFlow or FlowPoint. There is a column for each field, computed ones
included, in the same order everywhere; rows keep their order. Markets are names. Times are
aware, in UTC. Amounts are exact. What is absent is null. Without any model, the columns are
those of CapitalDistribution.

Extras: ``pandas``, ``polars``, ``arrow``; :func:`rows` needs none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from .models import CapitalDistribution, CapitalFlow, Change, Outcome
from .models import _tables as tables
from .models._base import Frozen

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

Models: TypeAlias = tables.Tabular | Iterable[Frozen]
"""What can be made a table."""


def rows(models: Models) -> list[dict[str, Any]]:
    """Return a list of rows, each a dict from column to value. Absent values are None."""
    return tables.rows_from(_columns(models))


def to_pandas(models: Models) -> pandas.DataFrame:
    """Return a pandas DataFrame with nullable types (``Float64``, ``string``).

    Raises TypeError for models of several classes, ModuleNotFoundError if pandas is not
    installed.
    """
    return tables.pandas_from(_columns(models))


def to_polars(models: Models) -> polars.DataFrame:
    """Return a Polars DataFrame.

    Raises TypeError for models of several classes, ModuleNotFoundError if Polars is not
    installed.
    """
    return tables.polars_from(_columns(models))


def to_arrow(models: Models) -> pyarrow.Table:
    """Return an Arrow table.

    Raises TypeError for models of several classes, ModuleNotFoundError if pyarrow is not
    installed.
    """
    return tables.arrow_from(_columns(models))


def _columns(models: Models) -> tables.Columns:
    if isinstance(models, tables.Tabular):
        return models._columns()
    if isinstance(models, Frozen):
        raise TypeError("a table is made of a list of models, not of one; give it in brackets")
    if isinstance(models, Mapping):
        raise TypeError("a table is made of a list of models, not of a dict; give its .values()")
    items = list(models)
    first = items[0] if items else None
    if isinstance(first, Outcome | Change):
        kind = type(first).__name__
        raise TypeError(f"a table is made of models, not of {kind}; give each one's .value")
    if first is not None and not isinstance(first, Frozen):
        raise TypeError(f"a table is made of models, not of {type(first).__name__}")
    if isinstance(first, CapitalFlow):
        return _joined(items)
    return tables.columns_of(items, type(first) if first is not None else CapitalDistribution)


def _joined(flows: Sequence[Frozen]) -> tables.Columns:
    """Return the rows of several flows, one flow after the other."""
    joined: tables.Columns = {}
    for flow in flows:
        if not isinstance(flow, CapitalFlow):
            raise TypeError(f"a table is of one model: CapitalFlow, not {type(flow).__name__}")
        for name, (kind, values) in flow._columns().items():
            joined.setdefault(name, (kind, []))[1].extend(values)
    return joined
