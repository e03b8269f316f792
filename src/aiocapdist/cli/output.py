"""Output formats: each takes outcomes as they come, and finishes after the last."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..models import CapitalDistribution, Outcome
from .formats import Format
from .streams import report, write

FIELDS = [*CapitalDistribution.model_fields, *CapitalDistribution.model_computed_fields]


class Output(Protocol):
    """One format, written to standard output."""

    def add(self, outcome: Outcome) -> None:
        """Take in one outcome."""

    def finish(self) -> None:
        """Write what is still held back. Called once, after the last outcome."""


def make_output(format: Format, codes: Sequence[str]) -> Output:
    """Return the output for this format; ``codes`` is the order of the JSON array."""
    makers: dict[str, Callable[[], Output]] = {
        "table": TableOutput,
        "json": lambda: JsonOutput(codes),
        "jsonl": JsonLinesOutput,
        "csv": CsvOutput,
    }
    return makers[format]()


def report_failure(outcome: Outcome) -> None:
    """Report a code that failed, on one line."""
    text = str(outcome.error)
    report(text if outcome.code in text else f"{outcome.code}: {text}")


class TableOutput:
    """A table for each security; failures on standard error alone."""

    def __init__(self) -> None:
        from .table import FiguresTable

        self._table = FiguresTable(sys.stdout)

    def add(self, outcome: Outcome) -> None:
        if outcome.value is None:
            report_failure(outcome)
        else:
            # Rendered first and then written as in all formats, so that a progress bar
            # makes room for it and write errors are handled in one place.
            write(self._table.render(outcome.value))

    def finish(self) -> None:
        """Nothing is held back."""


class JsonLinesOutput:
    """One object per line, failures included."""

    def add(self, outcome: Outcome) -> None:
        write(f"{to_json(outcome_record(outcome))}\n")
        if outcome.error is not None:
            report_failure(outcome)

    def finish(self) -> None:
        """Nothing is held back."""


class JsonOutput:
    """One array in the order of the codes, written at the end, failures included."""

    def __init__(self, codes: Sequence[str]) -> None:
        self._codes = codes
        self._outcomes: dict[str, Outcome] = {}

    def add(self, outcome: Outcome) -> None:
        self._outcomes[outcome.code] = outcome
        if outcome.error is not None:
            report_failure(outcome)

    def finish(self) -> None:
        outcomes = [self._outcomes[code] for code in self._codes if code in self._outcomes]
        write(f"{to_json([outcome_record(outcome) for outcome in outcomes], indent=2)}\n")


class CsvOutput:
    """A header, then a row for each security that was answered."""

    def __init__(self) -> None:
        self._writer = csv.DictWriter(self, FIELDS, lineterminator="\n")
        self._writer.writeheader()

    def write(self, row: str) -> None:
        """Write one line; called by the csv writer."""
        write(row)

    def add(self, outcome: Outcome) -> None:
        if outcome.value is None:
            report_failure(outcome)
        else:
            self._writer.writerow(figures_record(outcome.value))

    def finish(self) -> None:
        """Nothing is held back."""


def figures_record(figures: CapitalDistribution) -> dict[str, Any]:
    """Return the figures by name: exact numbers, times in ISO 8601, the market by name."""
    return {**figures.model_dump(mode="json"), "market": figures.market.name}


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """Return the figures by name, or the code and its error."""
    if outcome.value is not None:
        return figures_record(outcome.value)
    kind = type(outcome.error).__name__
    return {"code": outcome.code, "error": {"type": kind, "message": str(outcome.error)}}


def to_json(data: object, indent: int | None = None) -> str:
    """Return JSON in characters that standard output can encode."""
    ascii_only = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    return json.dumps(data, ensure_ascii=ascii_only, indent=indent)
