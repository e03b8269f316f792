"""Models as JSON: the names and values of ``aiocapdist get --format json``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .changes import Change
from .figures import CapitalDistribution, Outcome
from .flow import CapitalFlow


def time_text(at: datetime) -> str:
    """Return a time in UTC in ISO 8601, as models have it in JSON."""
    return at.isoformat().replace("+00:00", "Z")


def figures_record(figures: CapitalDistribution) -> dict[str, Any]:
    """Return the figures by name: exact numbers, times in ISO 8601, the market by name."""
    return {**figures.model_dump(mode="json"), "market": figures.market.name}


def flow_record(flow: CapitalFlow) -> dict[str, Any]:
    """Return a flow by name, with its market and period by name and its points as a list."""
    names = {"market": flow.market.name, "period": flow.period.name}
    return {**flow.model_dump(mode="json"), **names}


def error_record(code: str | None, error: BaseException | None) -> dict[str, Any]:
    """Return the code, if there is one, and the error: its type and its text."""
    about = {} if code is None else {"code": code}
    return {**about, "error": {"type": type(error).__name__, "message": str(error)}}


def outcome_record(outcome: Outcome | Change) -> dict[str, Any]:
    """Return the figures by name, or the code and its error."""
    if outcome.value is not None:
        return figures_record(outcome.value)
    return error_record(outcome.code, outcome.error)
