"""A shared quota as a table for people."""

from __future__ import annotations

import sys

from rich import box
from rich.console import Console, Group
from rich.table import Table

from ..quota._core.snapshot import OwnerTokens, QuotaSnapshot
from .escape import one_line


def render_snapshot(snapshot: QuotaSnapshot) -> str:
    """Return the table as text for standard output."""
    # Paths, keys and program names are shown unwrapped and without markup.
    console = Console(file=sys.stdout, soft_wrap=True, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(_table(snapshot))
    return captured.get()


def _table(snapshot: QuotaSnapshot) -> Group:
    title = f"{one_line(snapshot.where)}: {snapshot.limit} calls in {snapshot.period:g} s"
    tokens = f"{snapshot.free} free, {snapshot.held} held, {snapshot.cooling} cooling"
    others = f"{snapshot.waiting} waiting; {snapshot.rejections} rejected so far"
    summary = Group(title, f"{tokens}; {others}", _next_token(snapshot))
    return Group(summary, "", _owners(snapshot.owners)) if snapshot.owners else summary


def _next_token(snapshot: QuotaSnapshot) -> str:
    if snapshot.unknown_for:
        return f"the tokens spent are not known: none is granted for {snapshot.unknown_for:.1f} s"
    if not snapshot.held + snapshot.cooling:
        return "all free"
    token = f"next token in {snapshot.next_in:.1f} s" if snapshot.next_in else "next token now"
    return f"{token}, all free in {snapshot.all_back_in:.1f} s"


def _owners(owners: list[OwnerTokens]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    for name in ("owner", "program", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("held", "cooling", "all back in"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in owners:
        table.add_row(
            one_line(each.owner or "not known"),
            one_line(each.program or "-"),
            each.presence or "-",
            str(each.held),
            str(each.cooling),
            f"{each.all_back_in:.1f} s",
        )
    return table
