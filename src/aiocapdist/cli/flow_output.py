"""Output formats of capital flows: each takes outcomes as they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from ..models import CapitalFlow, FlowPoint
from ..models._records import error_record
from .answers import FlowOutcome
from .canvas import canvas, write_lines
from .formats import Colors, Format
from .output import Output, print_csv, print_json, report_failure

FLOW_FIELDS = ["code", "market", "period", *FlowPoint.model_fields]


def make_flow_output(format: Format, last: int | None, colors: Colors) -> Output[FlowOutcome]:
    """Return the output for this format, of the ``last`` rows of each flow."""
    makers: dict[str, Callable[[], Output[FlowOutcome]]] = {
        "table": lambda: FlowTables(last, colors),
        "json": lambda: FlowJson(last),
        "jsonl": lambda: FlowJsonLines(last),
        "csv": lambda: FlowCsv(last),
    }
    return makers[format]()


class FlowTables:
    """A table for each security; failures on standard error alone."""

    def __init__(self, last: int | None, colors: Colors) -> None:
        self._last = last
        self._console, self._style = canvas(colors)

    def add(self, outcome: FlowOutcome) -> None:
        if outcome.value is None:
            report_failure(outcome)
        else:
            from .flow_table import flow_lines

            lines = flow_lines(outcome.value, self._last, self._console.width, self._style)
            write_lines(self._console, lines)

    def finish(self) -> None:
        """Nothing is held back."""


class FlowJsonLines:
    """A line for each row, and for each failure."""

    def __init__(self, last: int | None) -> None:
        self._last = last

    def add(self, outcome: FlowOutcome) -> None:
        for record in _records(outcome, self._last):
            print_json(record)

    def finish(self) -> None:
        """Nothing is held back."""


class FlowJson:
    """One array of rows, written at the end, failures included."""

    def __init__(self, last: int | None) -> None:
        self._last = last
        self._found: list[Mapping[str, Any]] = []

    def add(self, outcome: FlowOutcome) -> None:
        self._found += _records(outcome, self._last)

    def finish(self) -> None:
        print_json(self._found, indent=2)


class FlowCsv:
    """A header, then the rows of each security that was answered."""

    def __init__(self, last: int | None) -> None:
        self._last = last
        print_csv(FLOW_FIELDS)

    def add(self, outcome: FlowOutcome) -> None:
        records = _records(outcome, self._last)
        if outcome.value is not None:
            print_csv(FLOW_FIELDS, *records, header=False)

    def finish(self) -> None:
        """Nothing is held back."""


def flow_records(flow: CapitalFlow, last: int | None) -> list[dict[str, Any]]:
    """Return the rows by name: exact numbers, times in ISO 8601, market and period by name."""
    rows = flow.rows()
    return [
        {name: _plain(value) for name, value in row.items()}
        for row in (rows if last is None else rows[-last:])
    ]


def _records(outcome: FlowOutcome, last: int | None) -> list[dict[str, Any]]:
    """Return the rows of an outcome; report its error, if it is one."""
    if outcome.value is not None:
        return flow_records(outcome.value, last)
    report_failure(outcome)
    return [error_record(outcome.code, outcome.error)]


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value
