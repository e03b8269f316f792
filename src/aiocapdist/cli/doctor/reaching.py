"""Checks on the way to OpenD: its name, its port, who listens there, the handshake, the key."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import anyio
from anyio import to_thread

from ..._client.client import Client
from ..._connection.address import Address
from ..._connection.connect_errors import explain_connect
from ..._connection.key_file import load_key
from ..._connection.probe import identify
from ..._transports.errors import AddressesFailed
from ...errors import AiocapdistError, ConnectError, InvalidKey
from ..language import tr, tr_count
from ..streams import logged_text
from . import findings as check
from .connect_texts import translated
from .findings import Finding


async def check_name(address: Address, timeout: float) -> tuple[Finding, list[str]]:
    """Resolve the host. Returns its addresses too, none if there are none."""
    try:
        with anyio.fail_after(timeout):
            found = await anyio.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except UnicodeError:
        text = tr("{host} is not the name of a host", host=address.host)
        return Finding(check.NAME, "failed", text, tr("check its spelling")), []
    except OSError as error:
        failure = explain_connect(error, address, timeout)
        text = tr("{host}: {reason}", host=address.host, reason=translated(failure.reason))
        return Finding(check.NAME, "failed", text, translated(failure.hint)), []
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if addresses == [address.host]:
        text = tr("{host} is an address", host=address.host)
        return Finding(check.NAME, "ok", text), addresses
    text = tr(
        "{host} has {count}: {addresses}",
        host=address.host,
        count=tr_count(len(addresses), "one address", "{count} addresses"),
        addresses=tr(", ").join(addresses),
    )
    return Finding(check.NAME, "ok", text, data={"addresses": addresses}), addresses


async def check_port(address: Address, addresses: Sequence[str], timeout: float) -> Finding:
    """Open and close a TCP connection to each of the addresses, all at the same time."""
    causes: dict[str, OSError] = {}

    async def attempt(where: str) -> None:
        try:
            with anyio.fail_after(timeout):
                stream = await anyio.connect_tcp(where, address.port)
            await anyio.aclose_forcefully(stream)
        except OSError as error:
            causes[where] = error

    async with anyio.create_task_group() as group:
        for where in addresses:
            group.start_soon(attempt, where)
    reached = [where for where in addresses if where not in causes]
    if not reached:
        tried = {where: causes[where] for where in addresses}
        error = AddressesFailed(tried) if addresses != [address.host] else tried[address.host]
        failure = explain_connect(error, address, timeout)
        text = tr("port {port}: {reason}", port=address.port, reason=translated(failure.reason))
        return Finding(check.PORT, "failed", text, translated(failure.hint))
    at = tr(", ").join(reached)
    text = tr("port {port} is open at {addresses}", port=address.port, addresses=at)
    if causes:
        at = tr(", ").join(where for where in addresses if where in causes)
        text += tr(", not at {addresses}", addresses=at)
    return Finding(check.PORT, "ok", text)


async def explain_failure(error: ConnectError, address: Address) -> tuple[Finding, Finding]:
    """Return the findings about the listener and the handshake after the handshake failed."""
    protocol = await identify(address)
    foreign = protocol is not None and not (protocol == "HTTP" and address.scheme == "ws")
    hint = translated(error.hint)
    handshake = Finding(check.HANDSHAKE, "failed", translated(error.reason), hint)
    if foreign:
        text = tr(
            "what listens there speaks {protocol}: it is no OpenD, or another port of it",
            protocol=protocol,
        )
        return Finding(check.LISTENER, "failed", text, hint), handshake
    text = tr("what listens there has not said what it is")
    advice = tr("see on its machine which program listens: ss -ltnp, or netstat -ano on Windows")
    return Finding(check.LISTENER, "warning", text, advice), handshake


def check_listener() -> Finding:
    """Return the finding after a handshake."""
    return Finding(check.LISTENER, "ok", tr("OpenD listens there: it knows the protocol"))


def check_handshake(client: Client, seconds: float, warnings: Sequence[str]) -> Finding:
    """Return the finding about a handshake that succeeded in this many seconds."""
    status = client.status
    text = tr(
        "answered in {milliseconds:.0f} ms over {transport}, {encrypted}",
        milliseconds=seconds * 1000,
        transport=status.transport,
        encrypted=tr("encrypted") if status.encrypted else tr("not encrypted"),
    )
    if not warnings:
        return Finding(check.HANDSHAKE, "ok", text)
    what, _, advice = warnings[0].partition(tr("; "))
    return Finding(
        check.HANDSHAKE, "warning", tr("{text}; {more}", text=text, more=what), advice or None
    )


async def check_rsa_key(path: Path) -> Finding:
    """Load the RSA key from its file."""
    try:
        with captured_warnings() as warnings:
            key = await to_thread.run_sync(load_key, path)
    except (InvalidKey, ModuleNotFoundError) as error:
        text, _, advice = str(error).partition("; ")
        return Finding(check.KEY, "failed", text, advice or None)
    text = tr("the RSA key has {bits} bits", bits=key.key_size)
    if not warnings:
        return Finding(check.KEY, "ok", text)
    what, _, advice = warnings[0].partition(tr("; "))
    return Finding(check.KEY, "warning", tr("{text}; {more}", text=text, more=what), advice or None)


def check_no_rsa_key(address: Address, websocket_key: str | None) -> Finding:
    """Return the finding for a connection without an RSA key."""
    if address.scheme == "tcp":
        return Finding(
            check.KEY, "skipped", tr("none is given: needed only if OpenD has an RSA key")
        )
    if websocket_key:
        return Finding(check.KEY, "ok", tr("a WebSocket key is given"))
    return Finding(
        check.KEY, "skipped", tr("none is given: needed only if OpenD's WebSocket has one")
    )


def after_handshake(key: Finding) -> Finding:
    """Return the finding about the key once OpenD has accepted it."""
    if key.state == "skipped":
        return key
    return Finding(check.KEY, key.state, tr("{text}; OpenD accepts it", text=key.text), key.advice)


def text_of(error: AiocapdistError) -> tuple[str, str | None]:
    """Return what an error says: what happened, and what to try."""
    what, _, advice = str(error).partition("; ")
    return what, advice or None


@contextmanager
def captured_warnings() -> Iterator[list[str]]:
    """Collect what the library logs as a warning in the body, instead of printing it."""
    texts: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(logged_text(record))

    logger = logging.getLogger("aiocapdist")
    handler = Collector(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield texts
    finally:
        logger.removeHandler(handler)
