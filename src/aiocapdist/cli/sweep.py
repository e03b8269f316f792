"""Ask about a list of codes until each has its outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from .._client.client import Client
from ..errors import ConnectionLost
from ..models import Outcome
from .output import Output
from .progress import showing
from .reconnect_timeout import Patience
from .sweep_progress import Tally

LOOK = 1.0
"""Seconds between two looks at the connection."""


async def ask(client: Client, tally: Tally, out: Output) -> None:
    """Hand outcomes on as they come; give up on those that a lost OpenD still owes."""
    patience = Patience(lambda: client.status.state)
    with showing(tally, client.quota) as advance:

        def take(outcome: Outcome) -> None:
            tally.count(outcome)
            out.add(outcome)
            advance()

        async def read() -> None:
            async for outcome in client.capital_distributions(tally.draw()):
                take(outcome)

        await _until_exhausted(patience, read)
        for code, drawn in tally.without_outcome():
            take(Outcome(code, error=ConnectionLost(patience.reason, sent=drawn)))


async def _until_exhausted(patience: Patience, work: Callable[[], Awaitable[None]]) -> None:
    """Cancel the work only when all patience is gone: a sweep that is cancelled is left."""
    failure: Exception | None = None
    async with anyio.create_task_group() as group:

        async def look() -> None:
            while not patience.exhausted():  # noqa: ASYNC110 - it goes by the clock
                await anyio.sleep(LOOK)
            group.cancel_scope.cancel()

        group.start_soon(look)
        try:
            await work()
        except Exception as error:
            failure = error  # raised bare, not in a group
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
