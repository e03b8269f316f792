"""Record what a watch tells, and capital flows beside it, until interrupted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import anyio

from .. import Client
from ..errors import AiocapdistError
from ..models import Change
from .background import background
from .exit_codes import OK
from .language import tr, tr_count
from .output import report_failure
from .session import Stop
from .streams import report

if TYPE_CHECKING:
    from ..recording import Recording

FLOWS_EVERY = 600.0
"""Seconds between two requests for the flow of a code. Each answer has the whole day."""


class Recorder:
    """Records a list of codes: a row for each time of their figures."""

    def __init__(
        self,
        recording: Recording,
        codes: Sequence[str],
        *,
        every: float,
        while_closed: bool,
        flows: bool,
    ) -> None:
        self._recording = recording
        self._codes = codes
        self._every = every
        self._while_closed = while_closed
        self._flows = flows
        self._recorded = 0

    async def run(self, client: Client) -> int:
        """Record until cancelled. Raises RecordingError if the recording cannot be written."""
        async with self._recording as recording:
            report(tr("recording to {where}; Ctrl-C ends it", where=recording.where))
            watch = client.watch(self._codes, self._every, while_closed=self._while_closed)
            changes = self._counted(aiter(watch))
            if not self._flows:
                await recording.follow(changes)
                return OK
            async with background(partial(self._record_flows, client)):
                await recording.follow(changes)
        return OK

    def stopped(self, reason: Stop) -> int:
        """Report what was recorded. Ctrl-C is the regular end.

        Raises RecordingError if the recording has been deleted or moved meanwhile.
        """
        self._recording.check()
        count = tr_count(self._recorded, "{count} snapshot", "{count} snapshots")
        report(tr("recorded {count} to {where}", count=count, where=self._recording.where))
        return OK

    async def _counted(self, changes: AsyncIterator[Change]) -> AsyncIterator[Change]:
        """Pass the changes on; report errors. A change counts once it is on the disk."""
        async for change in changes:
            if change.error is not None:
                report_failure(change)
            yield change
            self._recorded += change.value is not None

    async def _record_flows(self, client: Client) -> None:
        while True:
            begun = anyio.current_time()
            for code in self._codes:
                await self._record_flow(client, code)
            await anyio.sleep_until(begun + FLOWS_EVERY)

    async def _record_flow(self, client: Client, code: str) -> None:
        try:
            flow = await client.capital_flow(code)
        except AiocapdistError as error:
            report(tr("capital flow of {code}: {error}", code=code, error=error))
        else:
            await self._recording.add(flow)
