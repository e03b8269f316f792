"""Find out which protocol a port speaks that is not OpenD's.

Many servers say nothing to OpenD's handshake: Redis waits for the rest of a line, TLS servers
close. They answer to a line of text or to a TLS hello.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import anyio

from .._protocol.foreign import foreign_protocol, protocol_of
from .address import Address
from .connection import Connection

if TYPE_CHECKING:
    from .._transports.base import Connector

SILENCE = 1.0  # seconds without a reply to the handshake: then a port is probed
_TIMEOUT = 1.0  # seconds that a probe may take
_LINE = b"GET / HTTP/1.0\r\n\r\n"


class Probe:
    """Finds out why the handshake of a first connection does not succeed.

    ``ready`` is set once any handshake has succeeded: then nothing is probed.
    """

    def __init__(self, connector: Connector, connection: Connection, ready: anyio.Event) -> None:
        self._connector = connector
        self._connection = connection
        self._ready = ready
        self._scope = anyio.CancelScope()

    async def run(self) -> None:
        """Close the connection if its peer stays silent and speaks another protocol."""
        with self._scope:
            with anyio.move_on_after(SILENCE):
                await self._ready.wait()
            protocol = None if self._ready.is_set() else await identify(self._connector)
            if protocol is not None and not self._ready.is_set():
                self._connection.close(foreign_protocol(protocol))

    async def finish(self, cause: Exception) -> str | None:
        """Stop probing. Return what the peer speaks if it closed without a reply; else None."""
        self._scope.cancel()
        if self._ready.is_set() or not isinstance(cause, ConnectionError):
            return None
        return await identify(self._connector)


async def identify(connector: Connector | Address) -> str | None:
    """Return the name of the protocol at this address; None if unknown.

    Opens up to two connections of its own, for at most a second. Raises nothing.
    """
    if connector.scheme not in ("tcp", "ws"):
        return None
    for request in (_LINE, _tls_hello()):
        with anyio.move_on_after(_TIMEOUT / 2):
            protocol = protocol_of(await _exchange(connector.host, connector.port, request))
            if protocol is not None:
                return protocol
    return None


async def _exchange(host: str, port: int, request: bytes) -> bytes:
    """Return the first bytes of the reply; none if there is no reply."""
    try:
        async with await anyio.connect_tcp(host, port) as stream:
            await stream.send(request)
            return await stream.receive()
    except (OSError, anyio.EndOfStream, anyio.BrokenResourceError):
        return b""


def _tls_hello() -> bytes:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent after the hello
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing)
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()
