"""Print the figures of a list of codes: connect, ask, write one outcome for each code."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import anyio

from .. import Client
from ..errors import ConnectError, InvalidKey, QuotaUnavailable
from ..events import Connected
from .exit_codes import INTERRUPTED, NOT_REACHED, OK, SOME_FAILED, USAGE
from .formats import Format
from .interrupt import cancel_on_signal
from .output import Output, make_output
from .progress import QuotaWaitReport, SweepProgress, show_progress
from .streams import OutputError, report, report_log_records

if TYPE_CHECKING:
    from .._client.connect import Connecting

CHECK_INTERVAL = 1.0
"""Seconds between two looks at the quota."""


def print_figures(
    opend: Connecting | None,
    codes: list[str],
    format: Format,
    suggestions: Mapping[type[Exception], str],
) -> int:
    """Print an answer for each code; return the exit code. None for ``opend`` simulates one.

    ``suggestions`` has what to try after an error of a type.
    """
    report_log_records()
    try:
        return anyio.run(_print_figures, opend, codes, format)
    except (ConnectError, QuotaUnavailable, InvalidKey, ModuleNotFoundError) as error:
        report(str(error))
        for kind, suggestion in suggestions.items():
            if isinstance(error, kind):
                report(suggestion)
        return NOT_REACHED if isinstance(error, ConnectError | QuotaUnavailable) else USAGE


async def _print_figures(opend: Connecting | None, codes: list[str], format: Format) -> int:
    progress = SweepProgress(codes)
    async with AsyncExitStack() as stack:
        if opend is None:
            opend = await _start_simulator(stack)
        with cancel_on_signal() as scope:
            async with opend as client:
                output = make_output(format, codes)
                try:
                    await run_sweep(client, progress, output)
                except OutputError:
                    raise
                except BaseException:
                    output.finish()  # the answers so far are printed, however the sweep ended
                    raise
                output.finish()
    if scope.cancelled_caught:
        report(f"interrupted; {progress.answered} of {progress.total} codes were answered")
        return INTERRUPTED
    return SOME_FAILED if progress.failed else OK


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
