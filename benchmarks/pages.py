"""Write one run's figures into the documentation's pages, between their marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .report import Row, machine, short, table

DOCS = Path(__file__).parents[1] / "docs"
SCRIPT, THEIRS = "script, start to first answer", "the same of futu-api"
CHOICES = (
    "CPU per call gathered, µs",
    "CPU per call with a client of its own, µs",
    "CPU per call: gathered, 64 gateways over one",
    "CPU per code of a sweep, µs",
    "the same with uvloop, µs",
    "longest turn in a sweep of 300,000 codes, ms",
    "the same after gc.freeze(), ms",
    "the same of an iterator, ms",
    f"{SCRIPT}: CPU, ms",
    "the same with gc.freeze() at exit: CPU, ms",
)


def write(rows: Sequence[Row], rounds: int) -> None:
    """Replace the tables of ``performance.md`` and ``builders/performance_targets.md``."""
    values = {row.figure: short(row.value) for row in rows}
    about = f"{rounds} rounds, " + ", ".join(f"{what} {value}" for what, value in machine().items())
    start = ["| start to first answer | aiocapdist | futu-api |", "|---|--:|--:|"]
    start += [
        f"| {what} | {values[f'{SCRIPT}: {what}']} | {values[f'{THEIRS}: {what}']} |"
        for what in ("elapsed, ms", "CPU, ms", "MiB")
    ]
    choices = ["| figure | measured |", "|---|--:|"]
    choices += [f"| {figure} | {values[figure]} |" for figure in CHOICES]
    page = DOCS / "performance.md"
    _replace(page, "start", "\n".join(start))
    _replace(page, "choices", "\n".join(choices) + f"\n\nMedians of {about}.")
    targets = DOCS / "builders" / "performance_targets.md"
    _replace(targets, "targets", f"{table(rows)}\n\nMeasured with {about}.")


def _replace(page: Path, name: str, text: str) -> None:
    begin, end = f"<!-- {name}: begin -->\n", f"\n<!-- {name}: end -->"
    before, rest = page.read_text("utf-8").split(begin)
    _, after = rest.split(end)
    page.write_text(before + begin + text + end + after, "utf-8")
