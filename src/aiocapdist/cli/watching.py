"""Show a watch: a live table on a terminal, or a record of each change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio

from .. import Client
from .._client.watch import Watch
from ..models import Change
from ..models._records import outcome_record, time_text
from .background import background
from .exit_codes import INTERRUPTED, OK
from .formats import WatchFormat
from .language import tr
from .options import RankingOptions
from .output import FIELDS, print_csv, print_json, report_failure
from .session import Stop
from .streams import check_reader, output_to, report

Show: TypeAlias = Callable[[Change], None]
READER_CHECKED_EVERY = 1.0
"""Seconds between two looks whether standard output is still read."""
CSV_FIELDS = [*FIELDS, "seen_at", "skipped"]


class Watching:
    """A list of codes to watch, and how their changes are shown."""

    def __init__(
        self,
        codes: Sequence[str],
        format: WatchFormat,
        view: RankingOptions,
        *,
        every: float,
        while_closed: bool,
        output: Path | None,
    ) -> None:
        self._codes = codes
        self._format = format
        self._view = view
        self._every = every
        self._while_closed = while_closed
        self._file = output

    async def run(self, client: Client) -> int:
        """Show changes until cancelled. Raises OutputError."""
        watch = client.watch(self._codes, self._every, while_closed=self._while_closed)
        with output_to(self._file):
            async with self._display(client, watch) as show, background(_end_with_reader):
                async for change in watch:
                    show(change)
        return OK

    def stopped(self, reason: Stop) -> int:
        """Return the exit code after Ctrl-C, or at the end of the time limit."""
        if reason == "overdue":
            return OK
        report(tr("interrupted"))
        return INTERRUPTED

    @asynccontextmanager
    async def _display(
        self, client: Client, watch: Watch
    ) -> AsyncIterator[Callable[[Change], None]]:
        if self._format == "table":
            from .live_display import live_display

            async with live_display(client, watch, self._every, self._view) as show:
                yield show
        elif self._format == "csv":
            print_csv(CSV_FIELDS)
            yield _show_csv
        else:
            yield _show_json


async def _end_with_reader() -> None:
    while True:
        check_reader()
        await anyio.sleep(READER_CHECKED_EVERY)


def change_record(change: Change) -> dict[str, Any]:
    """Return a change by name: its figures or error, when it was seen, what was skipped."""
    seen_at = time_text(change.seen_at)
    return {**outcome_record(change), "seen_at": seen_at, "skipped": change.skipped}


def _show_json(change: Change) -> None:
    print_json(change_record(change))
    if change.error is not None:
        report_failure(change)


def _show_csv(change: Change) -> None:
    if change.error is not None:
        report_failure(change)
    else:
        print_csv(CSV_FIELDS, change_record(change), header=False)
