"""``aiocapdist get``: figures of some securities, once."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ...errors import ConnectError, QuotaUnavailable
from ..codes import CodesUnreadable, read_codes
from ..exit_codes import USAGE
from ..formats import Format
from ..options import ConnectionOptions, QuotaOptions
from ..streams import report


def get(
    *codes: str,
    connection: ConnectionOptions | None = None,
    quota: QuotaOptions | None = None,
    simulate: Annotated[bool, Parameter(negative=())] = False,
    format: Format = "table",
) -> int:
    """Get the capital distribution of some securities, once.

    Parameters
    ----------
    codes
        Codes such as HK.00700 or US.AAPL; @FILE reads them from a file, - from standard input.
    simulate
        Ask a simulator inside this program instead of OpenD: the figures are made up.
    format
        table for people; json (one array), jsonl (one object per line, as they come), csv.
    """
    connection = connection or ConnectionOptions()
    quota = quota or QuotaOptions()
    if simulate and not (connection.is_default and quota.is_default):
        report("--simulate uses no OpenD: leave out either it or --address and the quota")
        return USAGE
    try:
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
    from ..sweep import print_figures

    suggestions: dict[type[Exception], str] = {}
    if connection.is_default:
        suggestions[ConnectError] = "to see made-up figures without OpenD, add --simulate"
    if quota.is_default:
        suggestions[QuotaUnavailable] = "to count the calls of this run alone, add --quota none"
    result = print_figures(opend, wanted, format, suggestions)
    if simulate:
        report("these figures are simulated; with OpenD running, leave out --simulate")
    return result
