"""Output formats: each takes outcomes as they come, and finishes after the last."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from ..models import CapitalDistribution, Outcome
from ..models._records import figures_record, outcome_record
from .answers import Answer
from .canvas import canvas, write_lines
from .escape import csv_cell, to_json
from .formats import Format
from .options import TableOptions
from .streams import report, write

A_contra = TypeVar("A_contra", contravariant=True)
FIELDS = [*CapitalDistribution.model_fields, *CapitalDistribution.model_computed_fields]


class Output(Protocol[A_contra]):
    """One format, written to standard output."""

    def add(self, outcome: A_contra) -> None:
        """Take in one outcome."""

    def finish(self) -> None:
        """Write what is still held back. Called once, after the last outcome."""


def make_output(format: Format, codes: Sequence[str], view: TableOptions) -> Output[Outcome]:
    """Return the output for this format; ``codes`` is the order of the JSON array."""
    makers: dict[str, Callable[[], Output[Outcome]]] = {
        "table": lambda: (RankingOutput if view.is_ranking(len(codes)) else TableOutput)(view),
        "json": lambda: JsonOutput(codes),
        "jsonl": JsonLinesOutput,
        "csv": CsvOutput,
    }
    return makers[format]()


def report_failure(outcome: Answer) -> None:
    """Report a code that failed, on one line."""
    report(failure_text(outcome))


def failure_text(outcome: Answer) -> str:
    """Return the error of a code that failed, with the code."""
    text = str(outcome.error)
    return text if outcome.code in text else f"{outcome.code}: {text}"


class TableOutput:
    """A table for each security; failures on standard error alone."""

    def __init__(self, view: TableOptions) -> None:
        self._console, self._style = canvas(view.colors)

    def add(self, outcome: Outcome) -> None:
        if outcome.value is None:
            report_failure(outcome)
        else:
            from .table import figures_lines

            lines = figures_lines(outcome.value, self._console.width, self._style)
            write_lines(self._console, lines)

    def finish(self) -> None:
        """Nothing is held back."""


class RankingOutput:
    """One line for each security, ranked at the end; failures on standard error alone."""

    def __init__(self, view: TableOptions) -> None:
        self._view = view
        self._figures: dict[str, CapitalDistribution] = {}

    def add(self, outcome: Outcome) -> None:
        if outcome.value is None:
            report_failure(outcome)
        else:
            self._figures[outcome.code] = outcome.value

    def finish(self) -> None:
        from .ranking import rank, ranking_lines

        console, style = canvas(self._view.colors)
        ranked = rank(list(self._figures.values()), self._view.sort_field, self._view.top)
        lines = ranking_lines(ranked, self._view.sort_field, console.width, style)
        write_lines(console, lines)


class JsonLinesOutput:
    """One object per line, failures included."""

    def add(self, outcome: Outcome) -> None:
        print_json(outcome_record(outcome))
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
        print_json([outcome_record(outcome) for outcome in outcomes], indent=2)


class CsvOutput:
    """A header, then a row for each security that was answered."""

    def __init__(self) -> None:
        print_csv(FIELDS)

    def add(self, outcome: Outcome) -> None:
        if outcome.value is None:
            report_failure(outcome)
        else:
            print_csv(FIELDS, figures_record(outcome.value), header=False)

    def finish(self) -> None:
        """Nothing is held back."""


def print_json(data: object, *, indent: int | None = None) -> None:
    """Write JSON in characters that standard output can encode."""
    ascii_only = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    write(f"{to_json(data, indent=indent, ascii_only=ascii_only)}\n")


def print_csv(names: Sequence[str], *records: Mapping[str, object], header: bool = True) -> None:
    """Write rows of CSV, with cells escaped for terminals and spreadsheets."""
    import csv

    rows = io.StringIO()
    writer = csv.DictWriter(rows, names, lineterminator="\n")
    if header:
        writer.writeheader()
    for record in records:
        writer.writerow({name: csv_cell(value) for name, value in record.items()})
    write(rows.getvalue())
