"""``aiocapdist watch``: figures of some securities, as they change."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from ...errors import InvalidCode, QuotaUnavailable
from ..client_options import ClientOptions
from ..codes import CodesUnreadable, read_valid_codes
from ..exit_codes import USAGE
from ..formats import WatchFormat
from ..language import tr
from ..options import RankingOptions, Seconds
from ..streams import is_standard_output, report


def watch(
    *codes: str,
    every: Seconds = 60.0,
    while_closed: Annotated[bool, Parameter(negative=())] = False,
    format: WatchFormat | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    output: Path | None = None,
    view: RankingOptions | None = None,
    timeout: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    client: ClientOptions | None = None,
) -> int:
    """Show the figures of some securities as they change, until Ctrl-C.

    Parameters
    ----------
    codes
        Codes such as HK.00700; @FILE reads them from a file, - from standard input.
    every
        Ask for each code once in this many seconds, or less often if the quota requires it.
    while_closed
        Ask while a code's market is closed too.
    format
        table (default on a terminal), jsonl (default elsewhere: a line for each change) or csv.
    json
        The same as --format jsonl.
    output
        Write to this file instead of standard output.
    timeout
        End after this many seconds.
    """
    try:
        chosen = _format(format, json, output)
        wanted = read_valid_codes(codes)
        if not wanted:
            raise ValueError(tr("no codes given; try: aiocapdist watch HK.00700 --simulate"))
        source = (client or ClientOptions()).source()
    except (CodesUnreadable, InvalidCode, ModuleNotFoundError, QuotaUnavailable, ValueError) as why:
        report(str(why))
        return USAGE
    from ..session import run_session
    from ..watching import Watching

    watching = Watching(
        wanted,
        chosen,
        view or RankingOptions(),
        every=every,
        while_closed=while_closed,
        output=output,
    )
    return run_session(source, watching.run, watching.stopped, timeout)


def _format(format: WatchFormat | None, json: bool, output: Path | None) -> WatchFormat:
    """Return the format that the options mean. Raises ValueError if they exclude each other."""
    if json and format not in (None, "jsonl"):
        raise ValueError(tr("--json and --format {format}: leave out one", format=format))
    if format == "table" and not _can_animate(output):
        raise ValueError(tr("a live table needs a terminal: leave out --format table"))
    if format is not None or json:
        return format or "jsonl"
    return "table" if _can_animate(output) else "jsonl"


def _can_animate(output: Path | None) -> bool:
    """True if standard output is a terminal that can redraw lines."""
    if not is_standard_output(output) or not sys.stdout.isatty():
        return False
    from rich.console import Console

    return Console(file=sys.stdout).is_interactive
