"""Outcomes as plain data, for programs: pure."""

from __future__ import annotations

from typing import Any

from ..models import CapitalDistribution, Outcome

FIELDS = [*CapitalDistribution.model_fields, *CapitalDistribution.model_computed_fields]


def figures_record(figures: CapitalDistribution) -> dict[str, Any]:
    """Figures by name: numbers as they are, times in ISO 8601, the market by its name."""
    return {**figures.model_dump(mode="json"), "market": figures.market.name}


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """The same for what was answered; else the code and its error."""
    if outcome.value is not None:
        return figures_record(outcome.value)
    kind = type(outcome.error).__name__
    return {"code": outcome.code, "error": {"type": kind, "message": str(outcome.error)}}
