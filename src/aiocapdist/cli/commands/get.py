"""``aiocapdist get``: figures of some securities, once."""

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
from ..formats import Format, chosen_format
from ..language import tr
from ..options import TableOptions
from ..streams import report


def get(
    *codes: str,
    client: ClientOptions | None = None,
    timeout: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
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
        End after this many seconds, with the answers so far.
    format
        table (the default), json (one array), jsonl (a line each, as they come) or csv.
    json
        The same as --format json.
    output
        Write the answers to this file instead of standard output.
    """
    view = view or TableOptions()
    try:
        wanted_format = _format(format, json, view)
        wanted = read_codes(codes)
        source = (client or ClientOptions()).source()
    except (CodesUnreadable, ValueError, ModuleNotFoundError, QuotaUnavailable) as error:
        report(str(error))
        return USAGE
    if not wanted:
        report(tr("no codes given; try: aiocapdist get HK.00700 --simulate"))
        return USAGE
    from ..output import make_output
    from ..sweep import DISTRIBUTIONS, Sweep

    make = partial(make_output, wanted_format, wanted, view)
    return Sweep(wanted, DISTRIBUTIONS, make, output=output, timeout=timeout).run(source)


def _format(format: Format | None, json: bool, view: TableOptions) -> Format:
    """Return the format that the options name. Raises ValueError if they exclude each other."""
    chosen = chosen_format(format, json)
    if view.detail and (view.sort or view.top):
        raise ValueError(tr("--detail and --sort or --top: leave out one"))
    if chosen != "table" and view != TableOptions(colors=view.colors):
        text = tr("--sort, --top and --detail are for tables, not for {format}", format=chosen)
        raise ValueError(text)
    return chosen
