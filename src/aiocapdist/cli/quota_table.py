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
from .language import tr


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
    where = one_line(snapshot.where)
    limit = tr("{limit} calls in {period:g} s", limit=snapshot.limit, period=snapshot.period)
    tokens = tr(
        "{free} free, {held} held, {expiring} expiring; {waiting} waiting; "
        "{rejections} rejected so far",
        free=snapshot.free,
        held=snapshot.held,
        expiring=snapshot.expiring,
        waiting=snapshot.waiting,
        rejections=snapshot.rejections,
    )
    return [tr("{where}: {limit}", where=where, limit=limit), tokens, _next_token(snapshot)]


def _next_token(snapshot: QuotaSnapshot) -> str:
    if snapshot.unknown_for:
        return tr(
            "the tokens spent are not known: none is granted for {seconds:.1f} s",
            seconds=snapshot.unknown_for,
        )
    if not snapshot.held + snapshot.expiring:
        return tr("all free")
    if not snapshot.next_in:
        return tr("next token now, all free in {seconds:.1f} s", seconds=snapshot.all_back_in)
    return tr(
        "next token in {next_in:.1f} s, all free in {seconds:.1f} s",
        next_in=snapshot.next_in,
        seconds=snapshot.all_back_in,
    )


def _text(cell: Callable[[OwnerTokens], object]) -> Callable[[OwnerTokens], Text]:
    return lambda owner: Text(one_line(str(cell(owner))))


# The most important first: narrow terminals leave out the last.
_OWNERS = [
    Column("owner", _text(lambda owner: owner.owner or tr("not known")), is_left=True),
    Column("held", _text(lambda owner: owner.held)),
    Column("expiring", _text(lambda owner: owner.expiring)),
    Column("all back in", _text(lambda owner: tr("{seconds:.1f} s", seconds=owner.all_back_in))),
    Column("state", _text(lambda owner: tr(owner.presence or "-")), is_left=True),
    Column("program", _text(lambda owner: owner.program or "-"), is_left=True),
]
