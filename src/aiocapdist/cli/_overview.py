"""A shared quota as people and programs read it."""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import asdict

from rich import box
from rich.console import Console, Group
from rich.table import Table

from ..quota._core.snapshot import OwnerTokens, QuotaSnapshot
from ._output import Format
from ._print import as_json, write
from ._say import printable


def show(overview: QuotaSnapshot, kind: Format) -> None:
    """Write it down in this format."""
    record = asdict(overview)
    if kind == "table":
        # Paths, keys and programs' names are shown as they are, and whole.
        console = Console(
            file=sys.stdout, soft_wrap=True, highlight=False, markup=False, emoji=False
        )
        with console.capture() as captured:
            console.print(_table(overview))
        write(captured.get())
    elif kind == "csv":
        del record["owners"]
        rows = io.StringIO()
        writer = csv.DictWriter(rows, record, lineterminator="\n")
        writer.writeheader()
        writer.writerow(record)
        write(rows.getvalue())
    else:
        write(f"{as_json(record, indent=2 if kind == 'json' else None)}\n")


def _table(overview: QuotaSnapshot) -> Group:
    title = f"{printable(overview.where)}: {overview.limit} calls in {overview.period:g} s"
    tokens = f"{overview.free} free, {overview.held} held, {overview.cooling} cooling"
    others = f"{overview.waiting} waiting; {overview.rejections} rejected so far"
    lines = Group(title, f"{tokens}; {others}", _when(overview))
    return Group(lines, "", _owners(overview.owners)) if overview.owners else lines


def _when(overview: QuotaSnapshot) -> str:
    if overview.unknown_for:
        return f"nobody knows who spent what: nothing is granted for {overview.unknown_for:.1f} s"
    if not overview.held + overview.cooling:
        return "all free"
    token = f"next token in {overview.next_in:.1f} s" if overview.next_in else "next token now"
    return f"{token}, all free in {overview.all_back_in:.1f} s"


def _owners(owners: list[OwnerTokens]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    for name in ("owner", "program", "is"):
        table.add_column(name, no_wrap=True)
    for name in ("held", "cooling", "all back in"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in owners:
        table.add_row(
            printable(each.owner or "not known"),
            printable(each.program or "-"),
            each.presence or "-",
            *(str(each.held), str(each.cooling), f"{each.all_back_in:.1f} s"),
        )
    return table
