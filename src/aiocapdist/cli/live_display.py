"""The live table of a watch, for standard output on a terminal."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import anyio
from rich.console import Group
from rich.live import Live
from rich.text import Text

from .. import Client
from .._client.watch import Watch
from ..models import Change
from .background import background
from .canvas import canvas
from .interrupt import written_on_exit
from .language import tr
from .live_table import WARNING, Row, caption, live_lines
from .options import RankingOptions
from .progress_bar import SHOW_CURSOR

REDRAW_AFTER = 1.0
"""Seconds until the table is drawn again if nothing changes: ages count up."""
MOST_ERRORS = 3
"""Number of codes whose error is shown in full."""
LEAST_PAUSE = 0.1
"""Seconds between two drawings, however many changes there are."""


@asynccontextmanager
async def live_display(
    client: Client, watch: Watch, every: float, view: RankingOptions
) -> AsyncIterator[Callable[[Change], None]]:
    """Show a table until the body ends. Call the result with each change."""
    table = _LiveTable(client, watch, every, view)
    # Messages go above the table if both are on a terminal, otherwise where they belong.
    with written_on_exit(SHOW_CURSOR), table.live:
        async with background(table.keep_drawn):
            yield table.show
        table.draw()


class _LiveTable:
    def __init__(self, client: Client, watch: Watch, every: float, view: RankingOptions) -> None:
        self._client = client
        self._watch = watch
        self._every = every
        self._view = view
        self._rows = {code: Row(code) for code in watch.codes}
        self._changed = anyio.Event()
        self._console, self._style = canvas(view.colors)
        self.live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=sys.stderr.isatty(),
            vertical_overflow="crop",
        )

    def show(self, change: Change) -> None:
        """Take in a change; it is drawn soon."""
        self._rows[change.code] = self._rows[change.code].changed(change)
        self._changed.set()

    async def keep_drawn(self) -> None:
        """Draw until cancelled."""
        while True:
            self._changed = anyio.Event()
            self.draw()
            await anyio.sleep(LEAST_PAUSE)
            with anyio.move_on_after(REDRAW_AFTER - LEAST_PAUSE):
                await self._changed.wait()

    def draw(self) -> None:
        """Draw the table as it is now."""
        now = datetime.now(UTC)
        width, height = self._console.size
        rows = list(self._rows.values())
        lines = live_lines(rows, self._caption(now), self._view, now, (width, height), self._style)
        self.live.update(Group(*lines), refresh=True)

    def _caption(self, now: datetime) -> list[Text]:
        text = caption(len(self._rows), self._every, self._watch.round_time, now)
        lines = [Text(text, no_wrap=True, overflow="ellipsis")]
        if self._client.status.state != "ready":
            lines.append(Text(tr("no connection to OpenD, trying again"), WARNING, no_wrap=True))
        failed = [row.error for row in self._rows.values() if row.error is not None]
        for text in failed[:MOST_ERRORS]:
            lines.append(Text(text, WARNING, no_wrap=True, overflow="ellipsis"))
        return lines
