"""Outcomes as records for programs."""

from __future__ import annotations

import json

from aiocapdist import CapitalDistribution, Market, Outcome, UnknownSecurity
from aiocapdist.cli.output import FIELDS
from aiocapdist.models._records import outcome_record

from .test_table import FIGURES

EXACT = 12_345_678_901.123457


def test_a_record_has_the_markets_name_and_exact_numbers() -> None:
    value = CapitalDistribution(**{**FIGURES, "capital_in_big": EXACT, "market": Market.HK_FUTURE})
    record = outcome_record(Outcome(value.code, value))
    assert list(record) == FIELDS
    assert record["market"] == "HK_FUTURE"
    assert json.loads(json.dumps(record))["capital_in_big"] == EXACT
    assert record["updated_at"] == "2026-01-02T03:04:05Z"


def test_absent_values_are_null() -> None:
    value = CapitalDistribution(**{**FIGURES, "capital_in_super": None, "updated_at": None})
    record = outcome_record(Outcome(value.code, value))
    assert record["capital_in_super"] is record["net_super"] is record["updated_at"] is None


def test_a_failure_has_code_and_error() -> None:
    error = UnknownSecurity(-1, "unknown", 0, "HK.00001")
    assert outcome_record(Outcome("HK.00001", error=error)) == {
        "code": "HK.00001",
        "error": {"type": "UnknownSecurity", "message": "HK.00001: OpenD answered -1: unknown"},
    }
