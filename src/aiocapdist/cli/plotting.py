"""Collect what a figure is drawn from, and write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from .. import Client
from ..errors import RecordingError
from ..models import Period
from .exit_codes import INTERRUPTED, NOT_REACHED, NOT_WRITTEN, OK, SOME_FAILED
from .figure import draw
from .flows import flows_of
from .formats import Colors, FigureFormat
from .interrupt import cancel_on_signal
from .language import tr
from .output import report_failure
from .series import Series, add_figures, series_of_flow
from .session import Stop
from .streams import report

if TYPE_CHECKING:
    from ..recording import Recording


@dataclass
class Plot:
    """A figure of some codes, and the file to write."""

    codes: Sequence[str]
    path: Path
    format: FigureFormat
    colors: Colors
    series: dict[str, Series] = field(default_factory=dict)

    async def draw_flows(self, client: Client) -> int:
        """Draw today's capital flow of each code."""
        failed = False
        async for outcome in flows_of(Period.INTRADAY, None, None).ask(client, iter(self.codes)):
            if outcome.value is not None:
                self.series[outcome.code] = series_of_flow(outcome.value)
            else:
                report_failure(outcome)
                failed = True
        code = self._write()
        return SOME_FAILED if failed and code == OK else code

    def draw_recording(
        self, recording: Recording, since: datetime | None, until: datetime | None
    ) -> int:
        """Draw what was recorded."""
        try:
            return anyio.run(self._read_and_write, recording, since, until)
        except RecordingError as error:
            report(str(error))
            return NOT_REACHED

    def stopped(self, reason: Stop) -> int:
        """Return the exit code after Ctrl-C, or at the end of the time limit."""
        is_interrupted = reason == "interrupted"
        report(
            tr("interrupted; no figure") if is_interrupted else tr("not done in time; no figure")
        )
        return INTERRUPTED if is_interrupted else SOME_FAILED

    async def _read_and_write(
        self, recording: Recording, since: datetime | None, until: datetime | None
    ) -> int:
        with cancel_on_signal():
            async with recording:
                async for figures in recording.read(self.codes or None, since, until):
                    add_figures(self.series, figures)
            return self._write()
        return self.stopped("interrupted")

    def _write(self) -> int:
        """Draw the codes that have anything to draw; return the exit code."""
        codes = self.codes or sorted(self.series)
        drawn = [self.series[code] for code in codes if code in self.series]
        drawn = [series for series in drawn if series.times]
        names = {series.code for series in drawn}
        missing = [code for code in codes if code not in names]
        if missing:
            report(tr("nothing to draw of {codes}", codes=tr(", ").join(missing)))
        if not drawn:
            report(tr("nothing to draw: no file was written"))
            return SOME_FAILED
        try:
            self.path.write_bytes(draw(drawn, self.format, self.colors))
        except OSError as error:
            report(
                tr("cannot write {path!r}: {reason}", path=str(self.path), reason=error.strerror)
            )
            return NOT_WRITTEN
        return SOME_FAILED if missing else OK
