"""``aiocapdist doctor``: what is wrong between here and OpenD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from ...errors import InvalidCode, QuotaUnavailable
from ..exit_codes import INTERRUPTED, USAGE
from ..options import ConnectionOptions, QuotaOptions
from ..streams import report

if TYPE_CHECKING:
    from ..doctor.checkup import Checkup


def doctor(
    *,
    connection: ConnectionOptions | None = None,
    quota: QuotaOptions | None = None,
    timeout: Annotated[float, Parameter(validator=Number(gt=0))] = 10.0,
    code: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    unmasked: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Say what is wrong between here and OpenD, and what to do.

    Parameters
    ----------
    timeout
        Seconds that each step may take.
    code
        Security whose figures are asked for; by default one whose market is open.
    json
        Print one JSON object for programs.
    unmasked
        Show host names, addresses and your home folder, which are hidden otherwise.
    """
    import anyio

    from ...models import Security
    from ..doctor.checkup import Checkup
    from ..doctor.findings import exit_code
    from ..doctor.masking import Masker
    from ..doctor.rendering import JsonReport, Lines, hide_home

    masker = Masker(show_all=unmasked)
    hide_home(masker)
    output = JsonReport(masker) if json else Lines(masker)
    try:
        checkup = Checkup(
            connection or ConnectionOptions(),
            quota or QuotaOptions(),
            add=output.add,
            masker=masker,
            code=None if code is None else str(Security.guess(code)),
            timeout=timeout,
        )
        interrupted = anyio.run(_run, checkup)
    except (InvalidCode, ValueError, ModuleNotFoundError, QuotaUnavailable) as error:
        report(str(error))
        return USAGE
    output.finish(checkup.findings)
    return INTERRUPTED if interrupted else exit_code(checkup.findings)


async def _run(checkup: Checkup) -> bool:
    """Run the checks; True if they were interrupted."""
    from ..interrupt import cancel_on_signal

    with cancel_on_signal() as interrupted:
        await checkup.run()
    return interrupted.cancelled_caught
