"""``aiocapdist serve``: figures for browsers and programs, from one connection and one quota."""

from __future__ import annotations

import os
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from ...errors import InvalidCode, QuotaUnavailable, RecordingError
from ..client_options import ClientOptions, Source
from ..codes import CodesUnreadable, read_codes
from ..exit_codes import NOT_WRITTEN, OK, USAGE
from ..language import given_language, language, tr, tr_count
from ..listening import report_not_listening
from ..options import ConnectionOptions, KeyOptions, QuotaOptions, Seconds
from ..streams import report, report_log_records, write

if TYPE_CHECKING:
    from starlette.applications import Starlette

TOKEN = "AIOCAPDIST_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True)
class Serving:
    """What is served, and where."""

    codes: list[str]
    every: float
    host: str
    port: int
    allow_hosts: tuple[str, ...]
    record: Path | None
    token: str | None


def serve(
    *codes: str,
    every: Seconds = 60.0,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 8321,
    allow_host: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    record: Path | None = None,
    address: str | None = None,
    keys: KeyOptions | None = None,
    quota: QuotaOptions | None = None,
    simulate: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Serve figures to browsers and programs: a live page, JSON, events and metrics.

    Parameters
    ----------
    codes
        Codes to watch, such as HK.00700; @FILE reads them from a file, - from standard input.
    every
        Ask for each code once in this many seconds, or less often if the quota requires it.
    host
        Address to listen on.
    port
        Port to listen on; 0 takes a free one.
    allow_host
        Name by which others reach this server, such as opend.example or opend.example:8321. Can be
        repeated.
    record
        Record each change in this SQLite file too.
    address
        Address of OpenD: a host, host:port, or tcp://, ws:// or wss://host:port. [env var:
        AIOCAPDIST_ADDRESS]
    simulate
        Ask a built-in simulator instead of OpenD: the figures are made up.
    """
    keys = keys or KeyOptions()
    connection = ConnectionOptions(address, rsa_key=keys.rsa_key, websocket_key=keys.websocket_key)
    options = ClientOptions(connection, quota or QuotaOptions(), simulate)
    token = os.environ.get(TOKEN) or None
    try:
        _check_reach(host, token, allow_host)
        serving = Serving(read_codes(codes), every, host, port, allow_host, record, token)
        source = options.source()
    except (CodesUnreadable, ValueError, ModuleNotFoundError, QuotaUnavailable) as error:
        report(str(error))
        return USAGE
    if not serving.codes:
        report(tr("no codes given; try: aiocapdist serve HK.00700 --simulate"))
        return USAGE
    return _run(serving, source)


def _check_reach(host: str, token: str | None, allow_hosts: tuple[str, ...]) -> None:
    """Raise ValueError for an address that others reach, without a token."""
    from ...web._hosts import is_loopback

    if is_loopback(host):
        return
    if token is None:
        text = tr(
            "others can reach this server at {host}: it needs a token in the environment "
            "variable {token}; leave out --host to serve this machine alone",
            host=host,
            token=TOKEN,
        )
        raise ValueError(text)
    if not allow_hosts:
        report(
            tr(
                "requests from other machines are refused: give the name by which they reach "
                "this server, such as --allow-host opend.example"
            )
        )


def _run(serving: Serving, source: Source) -> int:
    import anyio

    report_log_records()
    try:
        return anyio.run(_serve, serving, source)
    except (InvalidCode, ValueError, ModuleNotFoundError) as error:
        report(str(error))
        return USAGE
    except RecordingError as error:
        report(str(error))
        return NOT_WRITTEN


async def _serve(serving: Serving, source: Source) -> int:
    from ...web import create_app
    from ..session import SIMULATED, start_simulator

    async with AsyncExitStack() as stack:
        recording = None
        if serving.record is not None:
            from ...recording import Recording

            recording = await stack.enter_async_context(Recording(serving.record))
        opend = source.opend or await start_simulator(stack)
        app = create_app(
            opend,
            serving.codes,
            serving.token,
            every=serving.every,
            allow_hosts=serving.allow_hosts,
            recording=recording,
        )
        from ...web._server import listen

        try:
            listener = listen(serving.host, serving.port)
        except (OSError, UnicodeError) as error:
            return report_not_listening(f"{serving.host}:{serving.port}", error)
        if source.opend is None:
            report(tr(SIMULATED))
        await _serve_until_signal(app, listener, len(serving.codes))
    return OK


async def _serve_until_signal(app: Starlette, listener: socket.socket, count: int) -> None:
    import anyio

    from ...web._server import Server
    from ..interrupt import cancel_on_signal

    server = Server(app)
    async with anyio.create_task_group() as group:
        with cancel_on_signal():
            group.start_soon(partial(server.serve, sockets=[listener]))
            host, port = listener.getsockname()[:2]
            if ip_address(host).is_unspecified:  # every address: this machine has at least one
                host = "::1" if ":" in host else "127.0.0.1"
            shown = f"[{host}]" if ":" in host else host
            codes = tr_count(count, "{count} code", "{count} codes")
            # The page speaks as the command does; otherwise the browser decides.
            named = given_language() or ("zh" if language() == "zh" else None)
            url = f"http://{shown}:{port}/{f'?language={named}' if named else ''}"
            write(tr("{codes} at {url} ; Ctrl-C ends it", codes=codes, url=url) + "\n")
            await anyio.sleep_forever()
        server.should_exit = True
