"""A port that the simulator listens at, and may leave and take again."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import anyio
from anyio.abc import AnyByteStream, Listener, SocketAttribute
from anyio.streams.tls import TLSListener


class _TlsListener(TLSListener):
    """Takes no notice of clients who do not like its certificate: they do, themselves."""

    @staticmethod
    async def handle_handshake_error(exc: BaseException, stream: AnyByteStream) -> None:
        await anyio.aclose_forcefully(stream)
        if not isinstance(exc, Exception):
            raise exc


class ListeningDoor:
    """One port, with TLS or without. ``port`` 0 becomes the free one that was found."""

    def __init__(
        self,
        host: str,
        port: int,
        talk: Callable[[Any], Any],
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.port = port
        self._host = host
        self._talk = talk
        self._ssl = ssl_context
        self._listener: Listener[Any] | None = None
        self._scope = anyio.CancelScope()
        self._served: anyio.Event | None = None

    @property
    def listening(self) -> bool:
        """Whether it has its port."""
        return self._listener is not None

    async def open(self) -> None:
        """Listen; raises OSError where the port is taken."""
        listener: Listener[Any] = await anyio.create_tcp_listener(
            local_host=self._host, local_port=self.port
        )
        self.port = listener.extra(SocketAttribute.local_port)
        if self._ssl is not None:
            listener = _TlsListener(listener, self._ssl, standard_compatible=False)
        self._listener = listener
        self._scope = anyio.CancelScope()
        self._served = None

    async def serve(self) -> None:
        """Talk to whoever comes, until closed."""
        listener = self._listener
        if listener is None:
            return  # closed before this began
        self._served = anyio.Event()
        try:
            with self._scope:
                await listener.serve(self._talk)
        finally:
            # Here, not after the waiting in `close`: whoever closes may be cancelled there.
            try:
                await self._let_go()
            finally:
                self._served.set()

    async def close(self) -> None:
        """Listen no more, and hang up on those who came by this door. Repeatable."""
        self._scope.cancel()
        if self._served is not None:
            await self._served.wait()
        await self._let_go()

    async def _let_go(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            with anyio.CancelScope(shield=True):
                await listener.aclose()
