"""``aiocapdist plot``: figures of a recording, or of today's capital flow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast, get_args

from cyclopts import Parameter
from cyclopts.validators import Number

from ...errors import InvalidCode, QuotaUnavailable
from ..client_options import ClientOptions
from ..codes import CodesUnreadable, read_valid_codes
from ..exit_codes import USAGE
from ..formats import Colors, FigureFormat
from ..language import tr
from ..streams import report
from ..times import parse_time

MOST_PANELS = 20
PROBLEMS = (CodesUnreadable, InvalidCode, ModuleNotFoundError, QuotaUnavailable, ValueError)


def plot(
    *codes: str,
    output: Path | None = None,
    recording: str | None = None,
    since: str | None = None,
    until: str | None = None,
    colors: Colors = "us",
    timeout: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    client: ClientOptions | None = None,
) -> int:
    """Draw net amounts over time: of a recording, or of today's capital flow.

    Parameters
    ----------
    codes
        Codes such as HK.00700, one panel each. With --recording, all of its codes by default.
    output
        File to write: .png or .svg.
    recording
        Draw this recording, a SQLite file or the URL of a database, instead of today's flow.
    since
        Draw from this time on: 2026-11-27T09:30+08:00, or a date. UTC if no zone is given.
    until
        Draw up to this time.
    colors
        Colours of inflow and outflow: us (green and red), cn (red and green) or none.
    timeout
        Give up after this many seconds.
    """
    try:
        if output is None:
            raise ValueError(tr("no output file; try: --output today.png"))
        kind = output.suffix.lower().removeprefix(".")
        if kind not in get_args(FigureFormat):
            raise ValueError(tr("a figure is a .png or .svg, not {name!r}", name=output.name))
        wanted = read_valid_codes(codes)
        if len(wanted) > MOST_PANELS:
            text = tr(
                "{count} codes: a figure has {most} panels at most",
                count=len(wanted),
                most=MOST_PANELS,
            )
            raise ValueError(text)
        if recording is None and not wanted:
            raise ValueError(tr("no codes given; try: aiocapdist plot HK.00700 --output today.png"))
        if recording is None and (since or until):
            raise ValueError(tr("--since and --until are for --recording"))
        from ..plotting import Plot

        task = Plot(wanted, output, cast(FigureFormat, kind), colors)
        if recording is not None:
            from ...recording import Recording

            times = parse_time("--since", since), parse_time("--until", until)
            return task.draw_recording(Recording(recording, read_only=True), *times)
        source = (client or ClientOptions()).source()
    except PROBLEMS as error:
        report(str(error))
        return USAGE
    from ..session import run_session

    return run_session(source, task.draw_flows, task.stopped, timeout)
