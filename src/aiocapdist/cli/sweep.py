"""Print the figures of a list of codes: connect, ask, write one outcome for each code."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from .. import Client
from ..errors import ConnectError, InvalidKey, QuotaUnavailable
from ..events import Connected
from .exit_codes import INTERRUPTED, NOT_REACHED, OK, SOME_FAILED, USAGE
from .formats import Format
from .interrupt import cancel_on_signal
from .options import TableOptions
from .output import Output, make_output
from .progress import QuotaWaitReport, show_progress
from .streams import OutputError, output_to, report, report_log_records
from .sweep_progress import SweepProgress

if TYPE_CHECKING:
    from .._client.connect import Connecting

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
        self._is_connected = False

    def run(self, opend: Connecting | None, suggestions: Mapping[type[Exception], str]) -> int:
        """Print an answer for each code; return the exit code. None simulates an OpenD.

        ``suggestions`` has what to try after an error of a type. Raises OutputError.
        """
        report_log_records()
        try:
            return anyio.run(self._run, opend)
        except (ConnectError, QuotaUnavailable, InvalidKey, ModuleNotFoundError) as error:
            report(str(error))
            for kind, suggestion in suggestions.items():
                if isinstance(error, kind):
                    report(suggestion)
            return NOT_REACHED if isinstance(error, ConnectError | QuotaUnavailable) else USAGE

    async def _run(self, opend: Connecting | None) -> int:
        progress = self._progress
        async with AsyncExitStack() as stack:
            if opend is None:
                opend = await _start_simulator(stack)
            with cancel_on_signal() as interrupted, anyio.move_on_after(self._timeout) as overdue:
                async with opend as client:
                    self._is_connected = True
                    await self._print_outcomes(client)
        answered = f"{progress.answered} of {progress.total} codes were answered"
        if interrupted.cancelled_caught:
            report(f"interrupted; {answered}")
            return INTERRUPTED
        if overdue.cancelled_caught and not self._is_connected:
            report(f"not connected to OpenD within {self._timeout:g} s")
            return NOT_REACHED
        if overdue.cancelled_caught:
            report(f"not done within {self._timeout:g} s; {answered}")
            return SOME_FAILED
        return SOME_FAILED if progress.failed else OK

    async def _print_outcomes(self, client: Client) -> None:
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


async def _start_simulator(stack: AsyncExitStack) -> Connecting:
    from .. import connect
    from ..simulator import Simulator

    simulator = await stack.enter_async_context(Simulator(language="en"))
    return connect(simulator.host, simulator.port)


async def run_sweep(client: Client, progress: SweepProgress, output: Output) -> None:
    """Pass each outcome to the output as it comes, and report what the sweep waits for."""
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(_report_quota_waits, client, progress)
        group.start_soon(_report_reconnects, client)
        try:
            with show_progress(progress, client.quota) as update:
                async for outcome in client.capital_distributions(progress.requested_codes()):
                    progress.add(outcome)
                    output.add(outcome)
                    update()
        except Exception as error:
            failure = error  # raised below, so that the group does not wrap it
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _report_quota_waits(client: Client, progress: SweepProgress) -> None:
    """Report waits for the quota until cancelled."""
    quota_wait = QuotaWaitReport(progress, client.quota)
    while True:
        if client.status.state == "ready":
            quota_wait.update()
        await anyio.sleep(CHECK_INTERVAL)


async def _report_reconnects(client: Client) -> None:
    """Report that OpenD is back until cancelled; that it is away is in the client's log."""
    is_first = True
    async for event in client.events():
        if isinstance(event, Connected):
            if not is_first:
                report("connected to OpenD again")
            is_first = False
