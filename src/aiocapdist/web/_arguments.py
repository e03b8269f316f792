"""What visitors ask for: query parameters, read and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from starlette.requests import Request

from ..models import Period
from ._errors import Rejection

MAX_CODES = 500
MAX_WAIT = 600.0
"""Seconds that a visitor may be willing to wait for the quota."""
DEFAULT_WAIT = 10.0
LONGEST_AGE = 86400.0

T = TypeVar("T")


def check_names(request: Request, known: Sequence[str]) -> None:
    """Raise Rejection for a parameter that does not exist: a mistake must not go unnoticed."""
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in known:
            there = f"expected {', '.join(known)}" if known else "there is none here"
            raise _invalid(f"no parameter is named {name[:100]!r}; {there}")
        if names.count(name) > 1:
            raise _invalid(f"{name} is given twice")


def seconds(query: Mapping[str, str], name: str, default: float, largest: float) -> float:
    """Return a number of seconds. Raises Rejection."""
    text = query.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= largest:
        raise _invalid(f"{name} must be a number of seconds from 0 to {largest:g}")
    return value


def period(query: Mapping[str, str]) -> Period:
    """Return the period of a flow, by default the day so far. Raises Rejection."""
    names = {each.name.lower(): each for each in Period}
    found = names.get(query.get("period", "intraday").lower())
    if found is None:
        raise _invalid(f"period must be one of {', '.join(names)}")
    return found


def codes(query: Mapping[str, str], watched: tuple[str, ...]) -> tuple[str, ...]:
    """Return the codes that are asked for, by default those of the watch. Raises Rejection."""
    text = query.get("codes")
    if text is None:
        return watched
    found = tuple(dict.fromkeys(part for part in text.split(",") if part))
    if not 1 <= len(found) <= MAX_CODES:
        raise _invalid(f"codes must be 1 to {MAX_CODES}, separated by commas: HK.00700,US.AAPL")
    return found


def _invalid(message: str) -> Rejection:
    return Rejection(422, "InvalidQuery", message)
