"""TCP, with TLS where asked: on asyncio a protocol that feeds the connection from its
callback, else a stream.

The callback saves a task switch for each read, which is most of the cost of one call.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from typing import cast

import anyio

from .._loop import on_asyncio
from .base import DataSource, ReceiveCallback, Transport
from .stream import StreamTransport


class TcpConnector:
    """A host and port to connect to."""

    scheme = "tcp"

    def __init__(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.port = port
        self._ssl = ssl_context

    async def open(self) -> Transport:
        if on_asyncio():
            return await self._open_on_asyncio()
        if self._ssl is None:
            return StreamTransport(await anyio.connect_tcp(self.host, self.port))
        try:
            stream = await anyio.connect_tcp(
                # Whoever hangs up without TLS's good-bye has hung up all the same.
                *(self.host, self.port),
                ssl_context=self._ssl,
                tls_standard_compatible=False,
            )
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            # Within the TLS hand-shake: what asyncio says then.
            raise ConnectionResetError("the connection was closed") from None
        return StreamTransport(stream)

    async def _open_on_asyncio(self) -> AsyncioTransport:
        *others, last = await self._resolve()
        # One address at a time: asyncio melts the errors of several into one text.
        for address in others:
            try:
                return await self._dial(address)
            except OSError:
                pass
        return await self._dial(last)

    async def _dial(self, address: str) -> AsyncioTransport:
        loop = asyncio.get_running_loop()
        if self._ssl is None:
            _, protocol = await loop.create_connection(AsyncioTransport, address, self.port)
        else:
            _, protocol = await loop.create_connection(
                *(AsyncioTransport, address, self.port), ssl=self._ssl, server_hostname=self.host
            )
        return protocol

    async def _resolve(self) -> list[str]:
        try:
            return [str(ipaddress.ip_address(self.host))]
        except ValueError:
            pass  # a name, not an address
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except UnicodeError:
            # No name at all, as "a..b": trio says so in these words.
            raise socket.gaierror(socket.EAI_NONAME, "not a valid host name") from None
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


class AsyncioTransport(asyncio.Protocol):
    """See :class:`~aiocapdist._transports.base.Transport`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[Exception | None] = self._loop.create_future()
        self._early: list[bytes] = []
        self._receive: ReceiveCallback = self._early.append
        self._data_to_send: DataSource = list
        self._fault: Exception | None = None
        self._turn_open = False
        self._paused = False

    # ---- what the connection calls

    def schedule_write(self, immediately: bool = False) -> None:
        if immediately:
            if self._paused or self._transport.is_closing():
                return
            if data := self._data_to_send():
                self._transport.write(b"".join(data))
        elif not self._turn_open:
            # All frames of one turn of the loop go together, at its end.
            self._turn_open = True
            self._loop.call_soon(self._end_turn)

    async def run(self, receive: ReceiveCallback, data_to_send: DataSource) -> Exception | None:
        self._receive = receive
        self._data_to_send = data_to_send
        try:
            for data in self._early:
                receive(data)
            self.schedule_write()
            error = await asyncio.shield(self._ended)
        finally:
            self.close()
            with anyio.CancelScope(shield=True):
                await self._ended
        if self._fault is not None:
            raise self._fault
        return error

    def close(self) -> None:
        self._transport.abort()

    # ---- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, not a check: uvloop's transports are no subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._receive(data)
        except Exception as fault:
            # Ours, not the peer's: the loop would take it for a connection that broke.
            self._fault = fault
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_result(exc)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._end_turn()

    def _end_turn(self) -> None:
        self._turn_open = False
        try:
            self.schedule_write(immediately=True)
        except Exception as fault:
            self._fault = fault
            self.close()
