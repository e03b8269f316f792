"""How far a list of codes is and how long the quota still takes, reported on standard error."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..quota import Quota
from .language import tr
from .streams import report
from .sweep_progress import SweepProgress, format_duration

MIN_CODES = 31
"""Shorter lists show no progress: they fit into one window of the quota."""
MIN_WAIT = 2.0
"""Seconds; shorter waits for the quota are not reported."""
LOG_INTERVAL = 10.0
"""Least seconds between two lines of a log."""


class ProgressLog:
    """Progress for logs: one line at the beginning, then one every ten seconds at most."""

    def __init__(
        self,
        progress: SweepProgress,
        quota: Quota,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._progress = progress
        self._quota = quota
        self._clock = clock
        self._next_line = clock() + LOG_INTERVAL
        report(
            tr(
                "asking about {total} codes; by the quota this takes about {left}",
                total=progress.total,
                left=self._left(),
            )
        )

    def update(self) -> None:
        """Report the progress if a line is due. Call after each outcome."""
        done, total = self._progress.done, self._progress.total
        if self._clock() >= self._next_line and done < total:
            self._next_line = self._clock() + LOG_INTERVAL
            report(
                tr(
                    "{done} of {total} codes done; about {left} left by the quota",
                    done=done,
                    total=total,
                    left=self._left(),
                )
            )

    def _left(self) -> str:
        return format_duration(self._progress.seconds_left(self._quota))


class QuotaWaitReport:
    """Reports that a short list waits for the quota; long ones show their progress anyway."""

    def __init__(
        self,
        progress: SweepProgress,
        quota: Quota,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._progress = progress
        self._quota = quota
        self._clock = clock
        self._announced_until = -math.inf

    def update(self) -> None:
        """Report a wait of more than two seconds, and again if it takes longer than said."""
        quota = self._quota
        if self._progress.total >= MIN_CODES or not quota.waiting:
            return
        seconds = self._progress.seconds_left(quota)
        if seconds > MIN_WAIT and self._clock() > self._announced_until:
            self._announced_until = self._clock() + seconds + MIN_WAIT
            report(
                tr(
                    "waiting {seconds:.0f} s for the quota ({limit} calls in {period:g} s)…",
                    seconds=seconds,
                    limit=quota.limit,
                    period=quota.period,
                )
            )


@contextmanager
def show_progress(progress: SweepProgress, quota: Quota) -> Iterator[Callable[[], None]]:
    """Show a bar on a terminal, else a log, else nothing. Call the result after each outcome."""
    if progress.total < MIN_CODES:
        yield lambda: None
        return
    if sys.stderr.isatty():
        from .progress_bar import can_animate, show_bar

        if can_animate():
            with show_bar(progress, quota) as update:
                yield update
            return
    yield ProgressLog(progress, quota).update
