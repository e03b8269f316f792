"""A shared quota as a table for people."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from ..quota._core.snapshot import OwnerTokens, QuotaSnapshot
from .columns import Column, column_lines
from .drawing import make_style
from .escape import one_line


def render_snapshot(snapshot: QuotaSnapshot) -> str:
    """Return the table as text for standard output."""
    # Paths, keys and program names are shown unwrapped and without markup.
    console = Console(file=sys.stdout, soft_wrap=True, highlight=False, markup=False, emoji=False)
    style = make_style("none", ascii_only=console.options.ascii_only)
    with console.capture() as captured:
        for line in _summary(snapshot):
            console.print(line)
        if snapshot.owners:
            console.print()
            for row in column_lines(_OWNERS, snapshot.owners, console.width, style.rule):
                console.print(row)
    return captured.get()


def _summary(snapshot: QuotaSnapshot) -> list[str]:
    tokens = f"{snapshot.free} free, {snapshot.held} held, {snapshot.cooling} cooling"
    return [
        f"{one_line(snapshot.where)}: {snapshot.limit} calls in {snapshot.period:g} s",
        f"{tokens}; {snapshot.waiting} waiting; {snapshot.rejections} rejected so far",
        _next_token(snapshot),
    ]


def _next_token(snapshot: QuotaSnapshot) -> str:
    if snapshot.unknown_for:
        return f"the tokens spent are not known: none is granted for {snapshot.unknown_for:.1f} s"
    if not snapshot.held + snapshot.cooling:
        return "all free"
    token = f"next token in {snapshot.next_in:.1f} s" if snapshot.next_in else "next token now"
    return f"{token}, all free in {snapshot.all_back_in:.1f} s"


def _text(cell: Callable[[OwnerTokens], object]) -> Callable[[OwnerTokens], Text]:
    return lambda owner: Text(one_line(str(cell(owner))))


# The most important first: narrow terminals leave out the last.
_OWNERS = [
    Column("owner", _text(lambda owner: owner.owner or "not known"), is_left=True),
    Column("held", _text(lambda owner: owner.held)),
    Column("cooling", _text(lambda owner: owner.cooling)),
    Column("all back in", _text(lambda owner: f"{owner.all_back_in:.1f} s")),
    Column("state", _text(lambda owner: owner.presence or "-"), is_left=True),
    Column("program", _text(lambda owner: owner.program or "-"), is_left=True),
]
