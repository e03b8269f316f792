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
from ..._transports.base import AddressesFailed
from ...errors import AiocapdistError, ConnectError, InvalidKey
from . import findings as check
from .findings import Finding


async def check_name(address: Address, timeout: float) -> tuple[Finding, list[str]]:
    """Resolve the host. Returns its addresses too, none if there are none."""
    try:
        with anyio.fail_after(timeout):
            found = await anyio.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except UnicodeError:
        text = f"{address.host} is not the name of a host"
        return Finding(check.NAME, "failed", text, "check its spelling"), []
    except OSError as error:
        failure = explain_connect(error, address, timeout)
        text = f"{address.host}: {failure.reason}"
        return Finding(check.NAME, "failed", text, failure.hint), []
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if addresses == [address.host]:
        return Finding(check.NAME, "ok", f"{address.host} is an address"), addresses
    text = f"{address.host} has {_counted(addresses)}: {', '.join(addresses)}"
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
        text = f"port {address.port}: {failure.reason}"
        return Finding(check.PORT, "failed", text, failure.hint)
    text = f"port {address.port} is open at {', '.join(reached)}"
    if causes:
        text += f", not at {', '.join(where for where in addresses if where in causes)}"
    return Finding(check.PORT, "ok", text)


async def explain_failure(error: ConnectError, address: Address) -> tuple[Finding, Finding]:
    """Return the findings about the listener and the handshake after the handshake failed."""
    protocol = await identify(address)
    foreign = protocol is not None and not (protocol == "HTTP" and address.scheme == "ws")
    handshake = Finding(check.HANDSHAKE, "failed", error.reason, error.hint)
    if foreign:
        text = f"what listens there speaks {protocol}: it is no OpenD, or another port of it"
        return Finding(check.LISTENER, "failed", text, error.hint), handshake
    text = "what listens there has not said what it is"
    advice = "see on its machine which program listens: ss -ltnp, or netstat -ano on Windows"
    return Finding(check.LISTENER, "warning", text, advice), handshake


def check_listener() -> Finding:
    """Return the finding after a handshake."""
    return Finding(check.LISTENER, "ok", "OpenD listens there: it knows the protocol")


def check_handshake(client: Client, seconds: float, warnings: Sequence[str]) -> Finding:
    """Return the finding about a handshake that succeeded in so many seconds."""
    status = client.status
    encrypted = "encrypted" if status.encrypted else "not encrypted"
    text = f"answered in {seconds * 1000:.0f} ms over {status.transport}, {encrypted}"
    if not warnings:
        return Finding(check.HANDSHAKE, "ok", text)
    what, _, advice = warnings[0].partition("; ")
    return Finding(check.HANDSHAKE, "warning", f"{text}; {what}", advice or None)


async def check_rsa_key(path: Path) -> Finding:
    """Load the RSA key from its file."""
    try:
        with captured_warnings() as warnings:
            key = await to_thread.run_sync(load_key, path)
    except (InvalidKey, ModuleNotFoundError) as error:
        text, _, advice = str(error).partition("; ")
        return Finding(check.KEY, "failed", text, advice or None)
    text = f"the RSA key has {key.key_size} bits"
    if not warnings:
        return Finding(check.KEY, "ok", text)
    what, _, advice = warnings[0].partition("; ")
    return Finding(check.KEY, "warning", f"{text}; {what}", advice or None)


def check_no_rsa_key(address: Address, websocket_key: str | None) -> Finding:
    """Return the finding for a connection without an RSA key."""
    if address.scheme == "tcp":
        return Finding(check.KEY, "skipped", "none is given: needed only if OpenD has an RSA key")
    if websocket_key:
        return Finding(check.KEY, "ok", "a WebSocket key is given")
    return Finding(check.KEY, "skipped", "none is given: needed only if OpenD's WebSocket has one")


def after_handshake(key: Finding) -> Finding:
    """Return the finding about the key once OpenD has accepted it."""
    if key.state == "skipped":
        return key
    return Finding(check.KEY, key.state, f"{key.text}; OpenD accepts it", key.advice)


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
            texts.append(record.getMessage())

    logger = logging.getLogger("aiocapdist")
    handler = Collector(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield texts
    finally:
        logger.removeHandler(handler)


def _counted(addresses: Sequence[str]) -> str:
    return "one address" if len(addresses) == 1 else f"{len(addresses)} addresses"
