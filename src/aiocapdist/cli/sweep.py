"""Print the figures of a list of codes: connect, ask, write one outcome for each code."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import anyio

from .. import Client
from ..errors import ConnectError, ConnectionLost, InvalidKey, QuotaUnavailable
from ..models import Outcome
from .exit_codes import INTERRUPTED, NOT_REACHED, OK, SOME_FAILED, USAGE
from .formats import Format
from .interrupt import cancel_on_signal
from .output import Output, make_output
from .progress import QuotaWaitReport, SweepProgress, show_progress
from .streams import OutputError, report, report_log_records

if TYPE_CHECKING:
    from .._client.connect import Connecting

RECONNECT_TIMEOUT = 60.0
"""Seconds without a connection after which a command gives up: enough to restart OpenD."""
CHECK_INTERVAL = 1.0
"""Seconds between two looks at the connection's state."""


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
    """Pass each outcome to the output as it comes.

    If OpenD stays away for RECONNECT_TIMEOUT, the codes that are left fail with
    ConnectionLost.
    """
    deadline = ReconnectDeadline(lambda: client.status.state)
    waiting = QuotaWaitReport(progress, client.quota)

    async def supervise() -> None:
        """Return when the sweep should be given up."""
        while not deadline.is_over():
            if client.status.state == "ready":
                waiting.update()
            await anyio.sleep(CHECK_INTERVAL)

    with show_progress(progress, client.quota) as update:

        def handle(outcome: Outcome) -> None:
            progress.add(outcome)
            output.add(outcome)
            update()

        async def read_outcomes() -> None:
            async for outcome in client.capital_distributions(progress.requested_codes()):
                handle(outcome)

        await _run_until(supervise, read_outcomes)
        for code, sent in progress.pending():
            handle(Outcome(code, error=ConnectionLost(deadline.reason, sent=sent)))


class ReconnectDeadline:
    """Measures how long the connection has been lost, and reports its loss and return."""

    def __init__(
        self, state: Callable[[], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._state = state
        self._clock = clock
        self._lost_at: float | None = None

    @property
    def reason(self) -> str:
        """Why the codes that are left have no answer."""
        return f"it did not come back within {RECONNECT_TIMEOUT:g} s"

    def is_over(self) -> bool:
        """Check the connection's state. True if it was lost for too long."""
        lost = self._state() == "reconnecting"
        if lost and self._lost_at is None:
            self._lost_at = self._clock()
            report(f"the connection to OpenD is lost; trying again for {RECONNECT_TIMEOUT:g} s")
        elif not lost and self._lost_at is not None:
            self._lost_at = None
            report("connected to OpenD again")
        return self._lost_at is not None and self._clock() - self._lost_at >= RECONNECT_TIMEOUT


async def _run_until(
    supervise: Callable[[], Awaitable[None]], work: Callable[[], Awaitable[None]]
) -> None:
    """Run the work to its end, or cancel it when ``supervise`` returns."""
    failure: Exception | None = None
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            await supervise()
            group.cancel_scope.cancel()

        group.start_soon(watch)
        try:
            await work()
        except Exception as error:
            failure = error  # raised below, so that the group does not wrap it
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
