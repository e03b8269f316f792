"""Figures to rows and back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from ..models import CapitalDistribution, Market
from ._schema import DISTRIBUTIONS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_AMOUNTS = [column.name for column in DISTRIBUTIONS.c if column.name.startswith("capital_")]
COLUMNS = DISTRIBUTIONS.c.keys()
_MARKETS = dict(Market.__members__)
_validate = CapitalDistribution.__pydantic_validator__.validate_python


class InvalidRow(Exception):
    """A row does not hold valid figures."""

    def __init__(self, code: object, time: object) -> None:
        super().__init__(f"its row of {code} at time {time} holds no valid figures")


def to_microseconds(at: datetime) -> int:
    """Return whole microseconds since the epoch, exactly. ValueError for a naive time.

    TypeError for what is no datetime.
    """
    if not isinstance(at, datetime):
        raise TypeError(f"a time is an aware datetime, not {type(at).__name__}")
    if at.tzinfo is None:
        raise ValueError(f"a time needs its zone: {at!r} has none; try tzinfo=datetime.UTC")
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(number: int) -> datetime:
    """Return the time in UTC, exactly."""
    return _EPOCH + timedelta(microseconds=number)


def storable(text: str | None) -> str | None:
    """Replace NUL: PostgreSQL's text cannot hold it, and the sqlite3 shell stops there."""
    return text and text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def distribution_row(figures: CapitalDistribution, seen_at: int) -> dict[str, Any]:
    """Return the row for these figures, seen at this time in microseconds."""
    updated_at = None if figures.updated_at is None else to_microseconds(figures.updated_at)
    row: dict[str, Any] = {name: getattr(figures, name) for name in _AMOUNTS}
    row.update(
        code=figures.code,
        time=seen_at if updated_at is None else updated_at,
        updated_at=updated_at,
        seen_at=seen_at,
        market=figures.market.name,
        update_time=storable(figures.update_time),
    )
    return row


def distribution(row: Sequence[Any]) -> CapitalDistribution:
    """Return the figures in a row, whose columns are COLUMNS. Raises InvalidRow."""
    values = dict(zip(COLUMNS, row, strict=True))
    updated_at = values["updated_at"]
    del values["time"], values["seen_at"]
    try:
        values["market"] = _MARKETS[values["market"]]
        values["updated_at"] = None if updated_at is None else from_microseconds(updated_at)
        return _validate(values)  # type: ignore[no-any-return]
    except (KeyError, OverflowError, TypeError, ValidationError):
        # Rows can be changed with any tool, and a newer version may know more markets.
        raise InvalidRow(row[0], row[1]) from None
