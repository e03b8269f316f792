"""``aiocapdist doctor``: what is wrong between here and OpenD."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from ...errors import InvalidCode, QuotaUnavailable
from ..exit_codes import INTERRUPTED, USAGE
from ..language import mark, tr, use_language
from ..options import ConnectionOptions, QuotaOptions
from ..streams import report

if TYPE_CHECKING:
    from ..._client.client import Client
    from ..doctor.checkup import Checkup

_QUESTION = mark(
    "The probe takes about two minutes and makes up to 60 calls of this account, of which OpenD "
    "refuses some. Stop other programs of the account first: they would be refused too. "
    "Go on? [y/N] "
)


def doctor(
    *,
    connection: ConnectionOptions | None = None,
    quota: QuotaOptions | None = None,
    timeout: Annotated[float, Parameter(validator=Number(gt=0))] = 10.0,
    code: str | None = None,
    probe: Annotated[bool, Parameter(negative=())] = False,
    yes: Annotated[bool, Parameter(negative=())] = False,
    second: str | None = None,
    rate: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    unmasked: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Say what is wrong between here and OpenD, and what to do.

    Parameters
    ----------
    timeout
        Seconds that each step may take.
    code
        Security to ask for. By default one whose market is open.
    probe
        Find out by experiment how OpenD counts its quota, and what it answers. Spends quota; asks
        first.
    yes
        Start the probe without asking.
    second
        Address of another OpenD with the same account, for the probe.
    rate
        Rate limit of this OpenD as calls/seconds, if it is not 30/30.
    json
        Print one JSON object, for programs.
    unmasked
        Show host names, addresses and your home folder. By default they are hidden.
    """
    import anyio

    from ..._connection.address import parse_address
    from ...models import Security
    from ..doctor.checkup import Checkup
    from ..doctor.findings import exit_code
    from ..doctor.masking import Masker
    from ..doctor.rendering import JsonReport, Lines, hide_home
    from .simulate import parse_quota

    if json:
        use_language("en")  # for programs: its texts are the same everywhere
    masker = Masker(show_all=unmasked)
    hide_home(masker)
    output = JsonReport(masker) if json else Lines(masker)
    try:
        if second is not None and not probe:
            raise ValueError(tr("--second is for --probe: add it"))
        if second is not None:
            parse_address(second, None)
        checkup = Checkup(
            connection or ConnectionOptions(),
            quota or QuotaOptions(),
            add=output.add,
            masker=masker,
            code=None if code is None else str(Security.guess(code)),
            timeout=timeout,
            rate=None if rate is None else parse_quota(rate),
        )
        if probe and not yes and not _confirmed():
            return USAGE
        interrupted = anyio.run(_run, checkup, probe, second, timeout)
    except (InvalidCode, ValueError, ModuleNotFoundError, QuotaUnavailable) as error:
        report(str(error))
        return USAGE
    output.finish(checkup.findings)
    return INTERRUPTED if interrupted else exit_code(checkup.findings)


def _confirmed() -> bool:
    """Ask whether to spend quota. False, and a message, if the answer is not yes."""
    if not sys.stdin.isatty():
        report(tr("--probe spends quota and asks first, which needs a terminal: add --yes"))
        return False
    print(tr(_QUESTION), end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    report(tr("nothing was checked; leave out --probe to check without it"))
    return False


async def _run(checkup: Checkup, probe: bool, second: str | None, timeout: float) -> bool:
    """Run the checks, and the probe after them. True if they were interrupted."""
    from ..interrupt import cancel_on_signal

    async def run_probe(client: Client) -> None:
        await _probe(checkup, client, second, timeout)

    with cancel_on_signal() as interrupted:
        await checkup.run(run_probe if probe else None)
    return interrupted.cancelled_caught


async def _probe(checkup: Checkup, client: Client, address: str | None, timeout: float) -> None:
    """Connect once more, and to the second OpenD, and run the probe."""
    from contextlib import AsyncExitStack
    from datetime import UTC, datetime

    from ...errors import AiocapdistError
    from ..doctor.findings import PROBE, Finding
    from ..doctor.probe.run import SECOND, Probe

    async with AsyncExitStack() as stack:
        what = PROBE
        try:
            second = await stack.enter_async_context(checkup.connect())
            what = SECOND
            other = None
            if address is not None:
                other = await stack.enter_async_context(checkup.connect(address))
        except AiocapdistError as error:
            checkup.report(Finding(what, "failed", str(error), tr("check its address")))
            return
        run = Probe(
            client,
            second,
            other,
            add=checkup.report,
            note=report,
            timeout=timeout,
            today=datetime.now(UTC).date(),
        )
        await run.run()
