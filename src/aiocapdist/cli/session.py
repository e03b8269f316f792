"""Run a command's work with a client, until it ends, is interrupted or is out of time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Literal, TypeAlias

import anyio

from .. import Client
from ..errors import ConnectError, InvalidKey, QuotaUnavailable, RecordingError
from ..events import Connected
from .background import background
from .client_options import Source
from .exit_codes import NOT_REACHED, NOT_WRITTEN, USAGE
from .interrupt import cancel_on_signal
from .language import language, mark, tr
from .streams import report, report_log_records

if TYPE_CHECKING:
    from .._client.connect import Connecting

Work: TypeAlias = Callable[[Client], Awaitable[int]]
Stop: TypeAlias = Literal["interrupted", "overdue"]
"""Why work ended early: Ctrl-C or SIGTERM, or the time limit."""
SIMULATED = mark("these figures are simulated; with OpenD running, leave out --simulate")


def run_session(
    source: Source, work: Work, stopped: Callable[[Stop], int], timeout: float | None = None
) -> int:
    """Connect and do the work; return its exit code, or that of ``stopped`` if it ended early.

    Errors of connecting, of the quota and of a recording are reported, with what to try, and
    are an exit code. Raises OutputError and what else the work raises.
    """
    report_log_records()
    try:
        code = anyio.run(_connect_and_work, source.opend, work, timeout)
        code = stopped(code) if isinstance(code, str) else code
    except (ConnectError, QuotaUnavailable, InvalidKey, ModuleNotFoundError) as error:
        report(str(error))
        for kind, suggestion in source.suggestions.items():
            if isinstance(error, kind):
                report(suggestion)
        code = NOT_REACHED if isinstance(error, ConnectError | QuotaUnavailable) else USAGE
    except RecordingError as error:
        report(str(error))
        code = NOT_WRITTEN
    if source.opend is None:
        report(tr(SIMULATED))
    return code


async def _connect_and_work(
    opend: Connecting | None, work: Work, timeout: float | None
) -> int | Stop:
    is_connected = False
    async with AsyncExitStack() as stack:
        if opend is None:
            opend = await start_simulator(stack)
        with cancel_on_signal() as interrupted, anyio.move_on_after(timeout) as overdue:
            async with opend as client:
                is_connected = True
                async with background(_report_reconnects, client):
                    return await work(client)
    if interrupted.cancelled_caught:
        return "interrupted"
    if overdue.cancelled_caught and not is_connected:
        report(tr("not connected to OpenD within {timeout:g} s", timeout=timeout))
        return NOT_REACHED
    return "overdue"


async def start_simulator(stack: AsyncExitStack) -> Connecting:
    """Start a simulator until the stack is left; return what connects to it."""
    from .. import connect
    from ..simulator import Simulator

    simulator = await stack.enter_async_context(Simulator(language=language()))
    return connect(simulator.memory)  # at no address, so that the environment has no say


async def _report_reconnects(client: Client) -> None:
    """Report that OpenD is back until cancelled; that it is away is in the client's log."""
    is_first = True
    async for event in client.events():
        if isinstance(event, Connected):
            if not is_first:
                report(tr("connected to OpenD again"))
            is_first = False
