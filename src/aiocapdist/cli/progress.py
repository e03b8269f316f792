"""How far a long list is and how long the quota still takes: on standard error.

On a terminal a bar, in a log a line now and then.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

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
from .stderr import say
from .sweep_progress import Tally

MANY = 30
"""Up to so many codes no quota is waited for: it is the quota's own number."""
EVERY = 10.0
"""Seconds between two lines of a log, at least."""

Advance = Callable[[], None]


@contextmanager
def showing(tally: Tally, quota: Quota) -> Iterator[Advance]:
    """Show how far the tally is; call what this gives after each outcome."""
    console = Console(stderr=True)
    if tally.total <= MANY:
        yield lambda: None
    elif sys.stderr.isatty() and console.is_interactive:
        with _bar(console, tally, quota) as advance:
            yield advance
    else:
        yield Lines(tally, quota).advance


def in_words(seconds: float) -> str:
    """A duration, such as ``0:01:30``."""
    return str(timedelta(seconds=round(seconds)))


class Lines:
    """For logs: one line at the beginning, then one every ten seconds at most."""

    def __init__(
        self, tally: Tally, quota: Quota, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tally = tally
        self._quota = quota
        self._clock = clock
        self._next = clock() + EVERY
        say(f"asking about {tally.total} codes; by the quota this takes about {self._left()}")

    def advance(self) -> None:
        """An outcome has come."""
        tally = self._tally
        if self._clock() >= self._next and tally.done < tally.total:
            self._next = self._clock() + EVERY
            say(f"{tally.done} of {tally.total} codes done; about {self._left()} left by the quota")

    def _left(self) -> str:
        return in_words(self._tally.seconds_left(self._quota))


class TimeLeft(ProgressColumn):
    """Counts down by itself between outcomes: half a minute may lie between two."""

    def render(self, task: Task) -> Text:
        left = task.fields["until"] - task.get_time()
        return Text(f"{in_words(left)} left by the quota" if left > 0 else "")


@contextmanager
def _bar(console: Console, tally: Tally, quota: Quota) -> Iterator[Advance]:
    columns = (
        TextColumn("asking"),
        BarColumn(None),
        MofNCompleteColumn(),
        TimeLeft(Column(no_wrap=True)),
    )
    with Progress(
        *columns,
        console=console,
        transient=True,
        expand=True,
        # Answers go above the bar where both are on a terminal; into a file or a pipe
        # they must go untouched: rich would carry them to the terminal instead.
        redirect_stdout=sys.stdout.isatty(),
    ) as progress:

        def until() -> float:
            return progress.get_time() + tally.seconds_left(quota)

        # The quota is read here, on the loop's thread, never by the one that draws.
        task = progress.add_task("", total=tally.total, until=until())

        def advance() -> None:
            progress.update(task, completed=tally.done, until=until())

        yield advance
