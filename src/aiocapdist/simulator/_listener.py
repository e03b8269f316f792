"""A TCP listener that can be closed and opened again at the same port."""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Callable
from typing import Any

import anyio
from anyio.abc import AnyByteStream, Listener, SocketAttribute
from anyio.streams.tls import TLSListener


class _QuietTlsListener(TLSListener):
    """A TLS listener that does not log failed handshakes: the client reports them."""

    @staticmethod
    async def handle_handshake_error(exc: BaseException, stream: AnyByteStream) -> None:
        await anyio.aclose_forcefully(stream)
        if not isinstance(exc, Exception):
            raise exc


class TcpListener:
    """One port, with or without TLS. ``port`` 0 is replaced by the free port that was taken."""

    def __init__(
        self,
        host: str,
        port: int,
        handle: Callable[[Any], Any],
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.port = port
        self._host = host
        self._handle = handle
        self._ssl = ssl_context
        self._listener: Listener[Any] | None = None
        self._addresses: list[tuple[socket.AddressFamily, Any]] = []
        self._kept: list[socket.socket] = []
        self._scope = anyio.CancelScope()
        self._stopped: anyio.Event | None = None

    @property
    def is_open(self) -> bool:
        """True while the port is taken."""
        return self._listener is not None

    async def open(self) -> None:
        """Take the port. Raises OSError if it is in use."""
        multi = await anyio.create_tcp_listener(local_host=self._host, local_port=self.port)
        self._give_up_port()
        sockets = [each.extra(SocketAttribute.raw_socket) for each in multi.listeners]
        self._addresses = [(each.family, each.getsockname()) for each in sockets]
        self.port = multi.extra(SocketAttribute.local_port)
        listener: Listener[Any] = multi
        if self._ssl is not None:
            listener = _QuietTlsListener(listener, self._ssl, standard_compatible=False)
        self._listener = listener
        self._scope = anyio.CancelScope()
        self._stopped = None

    async def serve(self) -> None:
        """Accept connections and run their handlers until closed."""
        listener = self._listener
        if listener is None:
            return  # closed before the task started
        self._stopped = anyio.Event()
        try:
            with self._scope:
                await listener.serve(self._handle)
        finally:
            # Here, not after the wait in `close`, which may be cancelled.
            try:
                await self._release_port()
            finally:
                self._stopped.set()

    async def pause(self) -> None:
        """Close, but keep the port to open it again: clients are refused meanwhile."""
        if not self._kept:
            await self.close()
            self._keep_port()

    async def close(self) -> None:
        """Release the port and close the connections accepted here. Can be repeated."""
        self._give_up_port()
        self._scope.cancel()
        if self._stopped is not None:
            await self._stopped.wait()
        await self._release_port()

    def _keep_port(self) -> None:
        """Bind without listening: a program that asks for a free port does not get this one."""
        if sys.platform != "linux":
            return  # there nobody could listen at a port that is kept
        for family, address in self._addresses:
            kept = socket.socket(family)
            self._kept.append(kept)
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                kept.bind(address)
            except OSError:
                pass  # another program has it already, as opening again will say

    def _give_up_port(self) -> None:
        while self._kept:
            self._kept.pop().close()

    async def _release_port(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with anyio.CancelScope(shield=True):
                await listener.aclose()
