"""TCP, with TLS if asked for.

On asyncio an ``asyncio.BufferedProtocol`` calls the connection directly, elsewhere a task reads a
stream: the callback saves a task switch per read, which is most of the cost of one call.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

import anyio

from .._loop import on_asyncio
from .errors import AddressesFailed
from .readable import socket_readable

if TYPE_CHECKING:
    from .base import DataSource, ReceiveCallback, Transport
    from .stream import StreamTransport

READ_SIZE = 65_536
"""Bytes read at most at once on asyncio. Its own 256 KiB are mapped and unmapped for each read."""
_buffers: WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = WeakKeyDictionary()
"""One for each loop: it is filled and read in one step, never by two connections at once."""


class TcpConnector:
    """Connects to a host and port; over TLS if ``ssl_context`` is given."""

    scheme = "tcp"

    def __init__(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.port = port
        self._ssl = ssl_context

    async def open(self, timeout: float) -> Transport:
        """See Connector. Raises AddressesFailed if the host is a name."""
        causes: dict[str, OSError] = {}
        try:
            with anyio.fail_after(timeout):
                if _is_address(self.host):
                    return await self._connect(self.host)
                from .happy_eyeballs import connect_first, interleave  # most hosts are IP addresses

                addresses = interleave(await self._resolve())
                return await connect_first(addresses, self._connect, causes)
        except TimeoutError:
            if causes:
                raise AddressesFailed(causes) from None
            raise

    async def _connect(self, address: str) -> AsyncioTransport | StreamTransport:
        if on_asyncio():
            return await self._connect_on_asyncio(address)
        from .stream import StreamTransport

        try:
            if self._ssl is None:
                return StreamTransport(await anyio.connect_tcp(address, self.port))
            stream = await anyio.connect_tcp(
                address,
                self.port,
                ssl_context=self._ssl,
                tls_hostname=self.host,
                tls_standard_compatible=False,  # a peer may close without TLS's closing alert
            )
            return StreamTransport(stream)
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            # Closed during the TLS handshake: the same error as on asyncio.
            raise ConnectionResetError("the connection was closed") from None
        except OSError as error:
            # anyio wraps the operating system's error, which says more.
            raise error.__cause__ if isinstance(error.__cause__, OSError) else error from None

    async def _connect_on_asyncio(self, address: str) -> AsyncioTransport:
        loop = asyncio.get_running_loop()
        if self._ssl is None:
            _, protocol = await loop.create_connection(AsyncioTransport, address, self.port)
        else:
            _, protocol = await loop.create_connection(
                AsyncioTransport, address, self.port, ssl=self._ssl, server_hostname=self.host
            )
        return protocol

    async def _resolve(self) -> list[str]:
        try:
            found = await anyio.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except UnicodeError:
            # Not a host name at all, for example "a..b".
            raise socket.gaierror(socket.EAI_NONAME, "not a valid host name") from None
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        return addresses


class AsyncioTransport(asyncio.BufferedProtocol):
    """See :class:`~aiocapdist._transports.base.Transport`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = _buffers.get(self._loop) or memoryview(bytearray(READ_SIZE))
        _buffers[self._loop] = self._buffer
        self._ended: asyncio.Future[Exception | None] = self._loop.create_future()
        self._early: list[bytes] = []
        self._receive: ReceiveCallback = self._early.extend
        self._data_to_send: DataSource = list
        self._fault: Exception | None = None
        self._write_scheduled = False
        self._paused = False

    # Methods of Transport

    async def run(self, receive: ReceiveCallback, data_to_send: DataSource) -> Exception | None:
        self._receive = receive
        self._data_to_send = data_to_send
        try:
            if self._early:
                receive(self._early)
            self.schedule_write()
            error = await asyncio.shield(self._ended)
        finally:
            await self.discard()
        if self._fault is not None:
            raise self._fault
        return error

    def schedule_write(self, immediately: bool = False) -> None:
        if immediately:
            self._write()
        elif not self._write_scheduled:
            self._write_scheduled = True
            self._loop.call_soon(self._scheduled_write)

    def readable(self) -> bool:
        sock = self._transport.get_extra_info("socket")
        return not self._transport.is_closing() and sock is not None and socket_readable(sock)

    def close(self) -> None:
        self._transport.abort()

    async def discard(self) -> None:
        """Close the connection and wait until it is closed."""
        self.close()
        with anyio.CancelScope(shield=True):
            await self._ended

    def _write(self) -> None:
        if self._paused or self._transport.is_closing():
            return
        if data := self._data_to_send():
            self._transport.write(b"".join(data))

    def _scheduled_write(self) -> None:
        self._write_scheduled = False
        try:
            self._write()
        except Exception as fault:
            self._fail(fault)

    # Callbacks of the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        try:
            self._receive([bytes(self._buffer[:nbytes])])
        except Exception as fault:
            self._fail(fault)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_result(exc)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._scheduled_write()

    def _fail(self, fault: Exception) -> None:
        """Close, and let ``run`` raise what a callback raised: the loop would only log it."""
        self._fault = fault
        self.close()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
