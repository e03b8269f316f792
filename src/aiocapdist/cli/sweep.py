"""Print the figures of a list of codes: connect, ask, write one outcome for each code."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio

from .. import Client
from .background import background
from .client_options import Source
from .exit_codes import INTERRUPTED, OK, SOME_FAILED
from .formats import Format
from .options import TableOptions
from .output import Output, make_output
from .progress import QuotaWaitReport, show_progress
from .session import Stop, run_session
from .streams import OutputError, output_to, report
from .sweep_progress import SweepProgress

CHECK_INTERVAL = 1.0
"""Seconds between two looks at the quota."""


class Sweep:
    """A list of codes, and how their answers are written."""

    def __init__(
        self,
        codes: list[str],
        format: Format,
        view: TableOptions,
        *,
        output: Path | None,
        timeout: float | None,
    ) -> None:
        self._progress = SweepProgress(codes)
        self._make_output = partial(make_output, format, codes, view)
        self._file = output
        self._timeout = timeout

    def run(self, source: Source) -> int:
        """Print an answer for each code; return the exit code. Raises OutputError."""
        return run_session(source, self._print_outcomes, self._stopped, self._timeout)

    def _stopped(self, reason: Stop) -> int:
        progress = self._progress
        answered = f"{progress.answered} of {progress.total} codes were answered"
        if reason == "interrupted":
            report(f"interrupted; {answered}")
            return INTERRUPTED
        report(f"not done within {self._timeout:g} s; {answered}")
        return SOME_FAILED

    async def _print_outcomes(self, client: Client) -> int:
        with output_to(self._file):
            output = self._make_output()
            try:
                await run_sweep(client, self._progress, output)
            except OutputError:
                raise
            except BaseException:
                output.finish()  # the answers so far are printed, however the sweep ended
                raise
            output.finish()
        return SOME_FAILED if self._progress.failed else OK


async def run_sweep(client: Client, progress: SweepProgress, output: Output) -> None:
    """Pass each outcome to the output as it comes, and report what the sweep waits for."""
    async with background(_report_quota_waits, client, progress):
        with show_progress(progress, client.quota) as update:
            async for outcome in client.capital_distributions(progress.requested_codes()):
                progress.add(outcome)
                output.add(outcome)
                update()


async def _report_quota_waits(client: Client, progress: SweepProgress) -> None:
    """Report waits for the quota until cancelled."""
    quota_wait = QuotaWaitReport(progress, client.quota)
    while True:
        if client.status.state == "ready":
            quota_wait.update()
        await anyio.sleep(CHECK_INTERVAL)
