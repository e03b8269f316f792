"""The progress bar, for standard error on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.table import Column
from rich.text import Text

from ..quota import Quota
from .interrupt import written_on_exit
from .language import tr
from .sweep_progress import SweepProgress, format_duration

SHOW_CURSOR = b"\r\x1b[?25h"
"""Ends the bar's line, and shows the cursor that the bar hides."""


def can_animate() -> bool:
    """True if the terminal can redraw a line."""
    return Console(stderr=True).is_interactive


class TimeLeftColumn(ProgressColumn):
    """Counts down between outcomes, which may be half a minute apart."""

    def render(self, task: Task) -> Text:
        left = task.fields["until"] - task.get_time()
        text = tr("{left} left by the quota", left=format_duration(left))
        return Text(text if left > 0 else "")


def progress_columns() -> tuple[ProgressColumn, ...]:
    """Return the columns of the bar."""
    time_left = TimeLeftColumn(Column(no_wrap=True))
    return TextColumn(tr("asking")), BarColumn(None), MofNCompleteColumn(), time_left


@contextmanager
def show_bar(progress: SweepProgress, quota: Quota) -> Iterator[Callable[[], None]]:
    """Show a bar until the body ends. Call the result after each outcome."""
    bar = Progress(
        *progress_columns(),
        console=Console(stderr=True),
        transient=True,
        expand=True,
        # Answers go above the bar if both are on a terminal. A file or a pipe must get
        # them directly: rich would write them to the terminal instead.
        redirect_stdout=sys.stdout.isatty(),
    )
    with written_on_exit(SHOW_CURSOR), bar:

        def until() -> float:
            return bar.get_time() + progress.seconds_left(quota)

        # Computed here, in the event loop's thread: the quota is not thread-safe.
        task = bar.add_task("", total=progress.total, until=until())

        def update() -> None:
            bar.update(task, completed=progress.done, until=until())

        yield update
