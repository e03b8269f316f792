"""``aiocapdist simulate``: a simulated OpenD, for use without an account."""

from __future__ import annotations

import math
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from ...errors import RecordingError
from ..escape import one_line
from ..exit_codes import NOT_REACHED, OK, USAGE
from ..language import given_language, tr
from ..listening import report_not_listening
from ..streams import report, report_log_records, write
from ..times import parse_time

if TYPE_CHECKING:
    from ...simulator import Simulator


def simulate(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 11111,
    latency: Annotated[float, Parameter(validator=Number(gte=0, lte=3600))] = 0.0,
    seed: int = 0,
    quota: str = "30/30",
    replay: str | None = None,
    speed: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    start: str | None = None,
    nights: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Run a simulated OpenD until Ctrl-C. The vendor's own clients work against it too.

    Parameters
    ----------
    host
        Address to listen on.
    port
        Port to listen on; 0 takes a free one.
    latency
        Seconds from a request to its reply.
    seed
        Seed of the made-up figures. The same seed gives the same figures.
    quota
        Rate limit as calls/seconds, such as 30/30, or none.
    replay
        Play this recording: a SQLite file, or the URL of a database.
    speed
        Play it this many times as fast. [default: 1]
    start
        Play from this time on: 2026-11-27T09:30+08:00, or a date. UTC if no zone is given.
    nights
        Play nights in full. By default each is cut to ten minutes.
    """
    import anyio

    from ...simulator import Simulator

    try:
        limit = parse_quota(quota)
        if replay is None and (speed or start or nights):
            raise ValueError(tr("--speed, --start and --nights are for --replay"))
        opend = Simulator(
            host,
            port,
            latency=latency,
            seed=seed,
            quota=limit,
            language=given_language() or "zh",  # as OpenD's own
            recording=replay,
            speed=1.0 if speed is None else speed,
            start=parse_time("--start", start),
            nights=nights,
        )
    except (ValueError, ModuleNotFoundError) as error:
        report(str(error))
        return USAGE
    report_log_records()
    return anyio.run(_serve, opend)


async def _serve(opend: Simulator) -> int:
    import anyio

    from ..interrupt import cancel_on_signal

    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(opend)
        except (OSError, UnicodeError) as error:
            return report_not_listening(_address(opend), error)
        except RecordingError as error:
            report(str(error))
            return NOT_REACHED
        with cancel_on_signal():
            address = one_line(_address(opend))
            write(tr("simulated OpenD on {address}; Ctrl-C ends it", address=address) + "\n")
            write(
                tr("try: {command}", command=f"aiocapdist get HK.00700 --address {address}") + "\n"
            )
            await anyio.sleep_forever()
    return OK


def parse_quota(text: str) -> tuple[int, float] | None:
    """Read ``30/30`` (calls per seconds) or ``none``. Raises ValueError."""
    if text == "none":
        return None
    calls, _, seconds = text.partition("/")
    try:
        limit, period = int(calls), float(seconds)
    except ValueError:
        limit, period = 0, 0.0
    if limit < 1 or not 0 < period < math.inf:
        raise ValueError(
            tr("a rate limit is calls/seconds such as 30/30, or none, not {text!r}", text=text)
        )
    return limit, period


def _address(opend: Simulator) -> str:
    host = f"[{opend.host}]" if ":" in opend.host else opend.host
    return f"{host}:{opend.port}"
