"""``aiocapdist get``: figures of some securities, once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import Parameter

from ..._client.client import Client
from ..._client.connect import Connecting, connect
from ...errors import ConnectError, InvalidKey, QuotaUnavailable
from ...simulator import Simulator
from ..codes import UnreadableError, gather
from ..exit_codes import INTERRUPTED, NOT_REACHED, OK, SOME_FAILED, USAGE
from ..interrupt import interruptible
from ..options import Redis, named, shared_quota
from ..output import Format, output
from ..stderr import say
from ..sweep import ask
from ..sweep_progress import Tally

NEARBY = "127.0.0.1"


def get(
    *codes: str,
    address: str = NEARBY,
    rsa_key: Path | None = None,
    websocket_key: Annotated[
        str | None, Parameter(env_var="AIOCAPDIST_WEBSOCKET_KEY", show_env_var=True)
    ] = None,
    quota_file: Path | None = None,
    quota_redis: Redis = None,
    quota_key: str | None = None,
    simulate: Annotated[bool, Parameter(negative=())] = False,
    format: Format = "table",
) -> int:
    """Ask for the capital distribution of some securities, once.

    For example: aiocapdist get HK.00700 US.AAPL --simulate

    Exit codes: 0 all answered, 1 some codes failed, 2 wrong usage, 3 OpenD or the shared
    quota not reached, 130 interrupted (what was answered is printed all the same).

    Parameters
    ----------
    codes
        Codes such as HK.00700 or US.AAPL; @FILE reads a file of them, - standard input.
    address
        Where OpenD is: a host, host:port, or tcp://, ws:// or wss://host:port.
    rsa_key
        PEM file of the RSA key that OpenD has too: encrypts the TCP door.
    websocket_key
        Key of the WebSocket door. Better in the environment, which other users do not see.
    quota_file
        Spend from a quota that all programs of this machine share in this file.
    quota_redis
        Spend from one that many machines share on this server: redis://host:6379/0.
    quota_key
        Its key there, if not the one made of the user id.
    simulate
        Ask a simulator inside this program instead of OpenD: figures are made up.
    format
        table for people; json (one array), jsonl (a line each, as they come), csv.
    """
    elsewhere = (named(quota_redis), quota_key, quota_file)
    if simulate and (address != NEARBY or elsewhere != (None, None, None)):
        say("--simulate asks no OpenD: leave out either it or --address and the quota")
        return USAGE
    try:
        wanted = gather(codes)
        opend = None
        if not simulate:
            opend = connect(
                address,
                quota=shared_quota(quota_file, quota_redis, quota_key),
                rsa_key=rsa_key,
                websocket_key=_fitting(websocket_key, address),
            )
    except (UnreadableError, ValueError, ModuleNotFoundError, QuotaUnavailable) as error:
        say(str(error))
        return USAGE
    if not wanted:
        say("no codes given; try: aiocapdist get HK.00700 --simulate")
        return USAGE
    result = _told(lambda: anyio.run(_get, opend, wanted, format), nearby=address == NEARBY)
    if simulate:
        say("these figures are simulated; with OpenD running, leave out --simulate")
    return result


def _fitting(websocket_key: str | None, address: str) -> str | None:
    """The key where it is wanted: one in the environment is no mistake at other doors."""
    return websocket_key if address.startswith(("ws://", "wss://")) else None


def _told(work: Callable[[], int], *, nearby: bool) -> int:
    """Do it; say what there was to do it with, and was not."""
    try:
        return work()
    except ConnectError as error:
        say(str(error))
        if nearby:
            say("to see made-up figures without OpenD, add --simulate")
        return NOT_REACHED
    except QuotaUnavailable as error:
        say(str(error))
        return NOT_REACHED
    except (InvalidKey, ModuleNotFoundError) as error:
        say(str(error))
        return USAGE


async def _get(opend: Connecting | None, codes: list[str], kind: Format) -> int:
    tally = Tally(codes)
    async with AsyncExitStack() as stack:
        if opend is None:
            simulator = await stack.enter_async_context(Simulator(language="en"))
            opend = connect(simulator.host, simulator.port)
        with interruptible() as scope:
            async with opend as client:
                await _print(client, tally, kind, codes)
    if scope.cancelled_caught:
        say(f"interrupted; {tally.answered} of {tally.total} codes were answered")
        return INTERRUPTED
    return SOME_FAILED if tally.failed else OK


async def _print(client: Client, tally: Tally, kind: Format, codes: list[str]) -> None:
    """However the asking ends, what was answered is printed."""
    out = output(kind, codes)
    try:
        await ask(client, tally, out)
    finally:
        out.end()
