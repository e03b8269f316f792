"""The formats of ``get``: each takes outcomes as they come and ends when they end."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from rich.console import Console

from ..models import Outcome
from .records import FIELDS, figures_record, outcome_record
from .stderr import say
from .stdout import as_json, write
from .table import block

Format = Literal["table", "json", "jsonl", "csv"]


class Output(Protocol):
    """One way of writing outcomes down: answers on standard output."""

    def add(self, outcome: Outcome) -> None:
        """An outcome has come."""

    def end(self) -> None:
        """No further one will."""


def output(kind: Format, codes: Sequence[str]) -> Output:
    """The output of this kind."""
    makers: dict[str, Callable[[], Output]] = {
        "table": TableOutput,
        "json": lambda: JsonOutput(codes),
        "jsonl": JsonlOutput,
        "csv": CsvOutput,
    }
    return makers[kind]()


def complain(outcome: Outcome) -> None:
    """One line about a code that failed."""
    text = str(outcome.error)
    say(text if outcome.code in text else f"{outcome.code}: {text}")


class TableOutput:
    """A block for each security."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stdout, highlight=False)

    def add(self, outcome: Outcome) -> None:
        if outcome.value is None:
            complain(outcome)
            return
        # Captured, and then written as all else is: what progress shows makes room for it,
        # and a reader that has gone is met in one way.
        with self._console.capture() as captured:
            self._console.print(block(outcome.value))
        write(captured.get())

    def end(self) -> None:
        """Nothing is held back."""


class JsonlOutput:
    """An object on each line, as they come; failures as well."""

    def add(self, outcome: Outcome) -> None:
        write(f"{as_json(outcome_record(outcome))}\n")
        if outcome.error is not None:
            complain(outcome)

    def end(self) -> None:
        """Nothing is held back."""


class JsonOutput:
    """One array in the order of the codes, at the end; failures as well."""

    def __init__(self, codes: Sequence[str]) -> None:
        self._codes = codes
        self._outcomes: dict[str, Outcome] = {}

    def add(self, outcome: Outcome) -> None:
        self._outcomes[outcome.code] = outcome
        if outcome.error is not None:
            complain(outcome)

    def end(self) -> None:
        came = [self._outcomes[code] for code in self._codes if code in self._outcomes]
        write(f"{as_json([outcome_record(outcome) for outcome in came], indent=2)}\n")


class CsvOutput:
    """A row for each security that was answered, below a head."""

    def __init__(self) -> None:
        self._writer = csv.DictWriter(self, FIELDS, lineterminator="\n")
        self._writer.writeheader()

    def write(self, row: str) -> None:
        """What the writer writes to."""
        write(row)

    def add(self, outcome: Outcome) -> None:
        if outcome.value is None:
            complain(outcome)
        else:
            self._writer.writerow(figures_record(outcome.value))

    def end(self) -> None:
        """Nothing is held back."""
