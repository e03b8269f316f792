"""``aiocapdist simulate``: an OpenD without an account, for trying things out."""

from __future__ import annotations

import math
from contextlib import AsyncExitStack
from typing import Annotated, Literal

import anyio
from cyclopts import Parameter
from cyclopts.validators import Number

from ...simulator import Simulator
from ..exit_codes import NOT_REACHED, OK, USAGE
from ..interrupt import interruptible
from ..stderr import say


def simulate(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 11111,
    latency: Annotated[float, Parameter(validator=Number(gte=0, lte=3600))] = 0.0,
    seed: int = 0,
    quota: str = "30/30",
    language: Literal["zh", "en"] = "zh",
) -> int:
    """Run a simulated OpenD until Ctrl-C. The vendor's own clients work against it too.

    For example: aiocapdist simulate --port 11111

    Exit codes: 0 ended by Ctrl-C, 2 wrong usage, 3 the address cannot be listened on.

    Parameters
    ----------
    host
        Where to listen.
    port
        Where to listen; 0 takes a free one.
    latency
        Seconds that a reply takes.
    seed
        Decides the figures.
    quota
        Calls per seconds, such as 30/30, or none.
    language
        Of its refusals: zh or en.
    """
    try:
        limits = parse_quota(quota)
    except ValueError as error:
        say(str(error))
        return USAGE
    opend = Simulator(host, port, latency=latency, seed=seed, quota=limits, language=language)
    return anyio.run(_serve, opend)


async def _serve(opend: Simulator) -> int:
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(opend)
        except OSError as error:
            say(f"cannot listen on {_where(opend)}: {error.strerror}; try --port 0")
            return NOT_REACHED
        with interruptible():
            print(f"simulated OpenD on {_where(opend)}; Ctrl-C ends it")
            print(f"try: aiocapdist get HK.00700 --address {_where(opend)}", flush=True)
            await anyio.sleep_forever()
    return OK


def parse_quota(text: str) -> tuple[int, float] | None:
    """Read ``30/30`` (calls per seconds) or ``none``; ValueError otherwise."""
    if text == "none":
        return None
    calls, _, seconds = text.partition("/")
    try:
        limit, period = int(calls), float(seconds)
    except ValueError:
        limit, period = 0, 0.0
    if limit < 1 or not 0 < period < math.inf:
        raise ValueError(f"quota is calls per seconds such as 30/30, or none, not {text!r}")
    return limit, period


def _where(opend: Simulator) -> str:
    host = f"[{opend.host}]" if ":" in opend.host else opend.host
    return f"{host}:{opend.port}"
