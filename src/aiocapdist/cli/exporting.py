"""Export a recording to a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from ..errors import RecordingError
from .exit_codes import INTERRUPTED, NOT_REACHED, NOT_WRITTEN, OK
from .formats import ExportFormat
from .interrupt import cancel_on_signal
from .language import tr, tr_count
from .streams import report

if TYPE_CHECKING:
    from ..recording import Recording


@dataclass(frozen=True)
class Export:
    """What to export, and to which file."""

    path: Path
    format: ExportFormat | None
    flows: bool
    codes: Sequence[str] | None
    since: datetime | None
    until: datetime | None

    def run(self, recording: Recording) -> int:
        """Write the file; return the exit code. Raises ValueError for an unknown format."""
        try:
            return anyio.run(self._write, recording)
        except RecordingError as error:
            report(str(error))
            return NOT_REACHED
        except OSError as error:
            reason = error.strerror or str(error)
            report(tr("cannot write {path!r}: {reason}", path=str(self.path), reason=reason))
            return NOT_WRITTEN

    async def _write(self, recording: Recording) -> int:
        with cancel_on_signal():
            async with recording:
                rows = await recording.export(
                    self.path,
                    self.format,
                    flows=self.flows,
                    codes=self.codes,
                    since=self.since,
                    until=self.until,
                )
            count = tr_count(rows, "{count} row", "{count} rows")
            report(tr("{count} exported to {path!r}", count=count, path=str(self.path)))
            return OK
        report(tr("interrupted; nothing was exported"))
        return INTERRUPTED
