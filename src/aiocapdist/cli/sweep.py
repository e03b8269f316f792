"""Print the answers for a list of codes: connect, ask, write one outcome for each code."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import anyio

from .. import Client
from ..quota import Quota
from .answers import Answer
from .background import background
from .client_options import Source
from .exit_codes import INTERRUPTED, OK, SOME_FAILED
from .language import tr
from .output import Output
from .progress import QuotaWaitReport, show_progress
from .session import Stop, run_session
from .streams import OutputError, output_to, report
from .sweep_progress import SweepProgress

CHECK_INTERVAL = 1.0
"""Seconds between two looks at the quota."""
A = TypeVar("A", bound=Answer)


@dataclass(frozen=True)
class Question(Generic[A]):
    """What is asked about each code, and which quota it costs."""

    ask: Callable[[Client, Iterator[str]], AsyncIterable[A]]
    quota: Callable[[Client], Quota]


DISTRIBUTIONS = Question(Client.capital_distributions, lambda client: client.quota)


class Sweep(Generic[A]):
    """A list of codes, what is asked about them, and how their answers are written."""

    def __init__(
        self,
        codes: Sequence[str],
        question: Question[A],
        make_output: Callable[[], Output[A]],
        *,
        output: Path | None,
        timeout: float | None,
    ) -> None:
        self._progress = SweepProgress(codes)
        self._question = question
        self._make_output = make_output
        self._file = output
        self._timeout = timeout

    def run(self, source: Source) -> int:
        """Print an answer for each code; return the exit code. Raises OutputError."""
        return run_session(source, self._print_outcomes, self._stopped, self._timeout)

    def _stopped(self, reason: Stop) -> int:
        progress = self._progress
        answered = tr(
            "{answered} of {total} codes were answered",
            answered=progress.answered,
            total=progress.total,
        )
        if reason == "interrupted":
            report(tr("interrupted; {answered}", answered=answered))
            return INTERRUPTED
        report(
            tr(
                "not done within {timeout:g} s; {answered}",
                timeout=self._timeout,
                answered=answered,
            )
        )
        return SOME_FAILED

    async def _print_outcomes(self, client: Client) -> int:
        with output_to(self._file):
            output = self._make_output()
            try:
                await self._pass_on(client, output)
            except OutputError:
                raise
            except BaseException:
                output.finish()  # the answers so far are printed, however the sweep ended
                raise
            output.finish()
        return SOME_FAILED if self._progress.failed else OK

    async def _pass_on(self, client: Client, output: Output[A]) -> None:
        """Pass each outcome to the output as it comes, and report what the sweep waits for."""
        progress, quota = self._progress, self._question.quota(client)
        async with background(_report_quota_waits, client, progress, quota):
            with show_progress(progress, quota) as update:
                async for outcome in self._question.ask(client, progress.requested_codes()):
                    progress.add(outcome)
                    output.add(outcome)
                    update()


async def _report_quota_waits(client: Client, progress: SweepProgress, quota: Quota) -> None:
    """Report waits for the quota until cancelled."""
    quota_wait = QuotaWaitReport(progress, quota)
    while True:
        if client.status.state == "ready":
            quota_wait.update()
        await anyio.sleep(CHECK_INTERVAL)
