"""``aiocapdist record``: keep figures in a database, and export them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from ...errors import InvalidCode, QuotaUnavailable
from ..client_options import ClientOptions
from ..codes import CodesUnreadable, read_valid_codes
from ..exit_codes import USAGE
from ..formats import ExportFormat
from ..language import tr
from ..options import Seconds
from ..streams import STANDARD_OUTPUT, is_standard_output, report
from ..times import parse_time

PROBLEMS = (CodesUnreadable, InvalidCode, ModuleNotFoundError, QuotaUnavailable, ValueError)


def record(
    *codes: str,
    output: str | None = None,
    every: Seconds = 60.0,
    while_closed: Annotated[bool, Parameter(negative=())] = False,
    flows: Annotated[bool, Parameter(negative=())] = False,
    timeout: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    export: str | None = None,
    format: ExportFormat | None = None,
    since: str | None = None,
    until: str | None = None,
    client: ClientOptions | None = None,
) -> int:
    """Keep figures in a database, until Ctrl-C; or export what was kept.

    Parameters
    ----------
    codes
        Codes such as HK.00700; @FILE reads them from a file, - from standard input.
    output
        Record to this SQLite file, or database such as postgresql://user@host/name; with
        --export, write this file.
    every
        Ask for each code once in this many seconds, or less often if the quota requires it.
    while_closed
        Ask while a code's market is closed too.
    flows
        Record the capital flow of each code too, every ten minutes; with --export, export flows.
    timeout
        End after this many seconds.
    export
        Export this recording instead: a SQLite file, or the URL of a database.
    format
        Format to export: csv, jsonl or parquet. By default that of the file's name.
    since
        Export from this time on: 2026-11-27T09:30+08:00, or a date. UTC if no zone is given.
    until
        Export up to this time.
    """
    try:
        if output is None:
            wanted = "day.sqlite" if export is None else "day.parquet"
            raise ValueError(tr("no output file; try: --output {file}", file=wanted))
        wanted_codes = read_valid_codes(codes)
        from ...recording import Recording

        if export is not None:
            from ..exporting import Export

            chosen = wanted_codes or None
            times = parse_time("--since", since), parse_time("--until", until)
            file = Path(STANDARD_OUTPUT if is_standard_output(output) else output)
            task = Export(file, format, flows, chosen, *times)
            return task.run(Recording(export, read_only=True))
        if format or since or until:
            raise ValueError(tr("--format, --since and --until are for --export"))
        if not wanted_codes:
            raise ValueError(
                tr("no codes given; try: aiocapdist record HK.00700 --output day.sqlite")
            )
        recording = Recording(output)
        source = (client or ClientOptions()).source()
    except PROBLEMS as error:
        report(str(error))
        return USAGE
    from ..recorder import Recorder
    from ..session import run_session

    recorder = Recorder(
        recording, wanted_codes, every=every, while_closed=while_closed, flows=flows
    )
    return run_session(source, recorder.run, recorder.stopped, timeout)
