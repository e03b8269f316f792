"""``aiocapdist get``: figures of some securities, once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from ...errors import ConnectError, QuotaUnavailable
from ..codes import CodesUnreadable, read_codes
from ..exit_codes import USAGE
from ..formats import Format
from ..options import ConnectionOptions, QuotaOptions, TableOptions
from ..streams import report


def get(
    *codes: str,
    connection: ConnectionOptions | None = None,
    quota: QuotaOptions | None = None,
    timeout: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    simulate: Annotated[bool, Parameter(negative=())] = False,
    format: Format | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    output: Path | None = None,
    view: TableOptions | None = None,
) -> int:
    """Get the capital distribution of some securities, once.

    Parameters
    ----------
    codes
        Codes such as HK.00700 or US.AAPL; @FILE reads them from a file, - from standard input.
    timeout
        End after so many seconds, with the answers so far.
    simulate
        Ask a simulator inside this program instead of OpenD: the figures are made up.
    format
        table (the default), json (one array), jsonl (a line each, as they come) or csv.
    json
        The same as --format json.
    output
        Write the answers to this file instead of standard output.
    """
    connection = connection or ConnectionOptions()
    quota = quota or QuotaOptions()
    view = view or TableOptions()
    try:
        if simulate and not (connection.is_default and quota.is_default):
            raise ValueError(
                "--simulate uses no OpenD: leave out either it or --address and the quota"
            )
        wanted_format = _format(format, json, view)
        wanted = read_codes(codes)
        opend = None
        if not simulate:
            opend = connection.connect(quota.make_quota(connection.opend))
    except (CodesUnreadable, ValueError, ModuleNotFoundError, QuotaUnavailable) as error:
        report(str(error))
        return USAGE
    if not wanted:
        report("no codes given; try: aiocapdist get HK.00700 --simulate")
        return USAGE
    from ..sweep import Sweep

    suggestions: dict[type[Exception], str] = {}
    if connection.is_default:
        suggestions[ConnectError] = "to see made-up figures without OpenD, add --simulate"
    if quota.is_default:
        suggestions[QuotaUnavailable] = "to count the calls of this run alone, add --quota none"
    sweep = Sweep(wanted, wanted_format, view, output=output, timeout=timeout)
    result = sweep.run(opend, suggestions)
    if simulate:
        report("these figures are simulated; with OpenD running, leave out --simulate")
    return result


def _format(format: Format | None, json: bool, view: TableOptions) -> Format:
    """Return the format that the options name. Raises ValueError if they exclude each other."""
    if json and format not in (None, "json"):
        raise ValueError(f"--json and --format {format}: leave out one")
    chosen = "json" if json else format or "table"
    if view.detail and (view.sort or view.top):
        raise ValueError("--detail and --sort or --top: leave out one")
    if chosen != "table" and view != TableOptions(colors=view.colors):
        raise ValueError(f"--sort, --top and --detail are for tables, not for {chosen}")
    return chosen
