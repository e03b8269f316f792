"""``aiocapdist flow``: net amounts of some securities over time."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from ...errors import QuotaUnavailable
from ..client_options import ClientOptions
from ..codes import CodesUnreadable, read_codes
from ..exit_codes import USAGE
from ..formats import Colors, Format, PeriodName, chosen_format
from ..language import tr
from ..streams import report


def flow(
    *codes: str,
    period: PeriodName | None = None,
    start: str | None = None,
    end: str | None = None,
    last: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    format: Format | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    output: Path | None = None,
    colors: Colors = "us",
    timeout: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    client: ClientOptions | None = None,
) -> int:
    """Get the capital flow of some securities: net amounts over time.

    Parameters
    ----------
    codes
        Codes such as HK.00700; @FILE reads them from a file, - from standard input.
    period
        Time that a row covers. Rows of intraday, the default, are cumulative since the day's
        start.
    start
        First day, such as 2026-11-02. With it, --period is day by default.
    end
        Last day. With it, --period is day by default.
    last
        Show only this many rows of each code, the last ones. A table shows 20 by default.
    format
        table (the default), json (one array), jsonl (a line for each row) or csv.
    json
        The same as --format json.
    output
        Write the answers to this file instead of standard output.
    colors
        Colours of inflow and outflow: us (green and red), cn (red and green) or none.
    timeout
        End after this many seconds, with the answers so far.
    """
    from ...models import Period
    from ...models.period import flow_dates

    try:
        name = period or ("day" if start or end else "intraday")
        wanted_period = Period[name.upper()]
        first, final = flow_dates(wanted_period, start, end)
        wanted_format = chosen_format(format, json)
        wanted = read_codes(codes)
        if not wanted:
            raise ValueError(tr("no codes given; try: aiocapdist flow HK.00700 --simulate"))
        source = (client or ClientOptions()).source()
    except (CodesUnreadable, ModuleNotFoundError, QuotaUnavailable, ValueError) as error:
        report(str(error))
        return USAGE
    from ..flow_output import make_flow_output
    from ..flows import flows_of
    from ..sweep import Sweep

    question = flows_of(wanted_period, first, final)
    make = partial(make_flow_output, wanted_format, last, colors)
    return Sweep(wanted, question, make, output=output, timeout=timeout).run(source)
