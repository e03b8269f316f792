"""The server of the command line: uvicorn, with limits on connections and on slow readers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.applications import Starlette

MAX_CONNECTIONS = 1200
"""More are closed at once: a thousand event readers, and room for others."""
MAX_HEAD = 16384
"""Bytes of a request line and its headers."""
WRITE_BUFFER = 4096
"""Bytes that wait for one slow reader in this process."""
SEND_BUFFER = 65536
"""Bytes that wait for it in the kernel; without a bound those would be megabytes each."""
REQUEST_TIMEOUT = 10.0
"""Seconds from connecting to the first whole request."""
STALLED = 60.0
"""Seconds after which a reader that takes nothing is disconnected."""


class Server(uvicorn.Server):
    """Serves one application until ``should_exit`` is set.

    Signals are the command's own matter.
    """

    def __init__(self, app: Starlette) -> None:
        self._app = app
        super().__init__(
            uvicorn.Config(
                app,
                http=LimitedProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                h11_max_incomplete_event_size=MAX_HEAD,
                timeout_graceful_shutdown=5,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End event streams first: uvicorn would wait for them."""
        self._app.state.service.publisher.feed.close()
        await super().shutdown(sockets)


class LimitedProtocol(H11Protocol):
    """One connection, with bounds on its number, its time and its memory."""

    _stalled: asyncio.TimerHandle | None = None
    _silent: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= MAX_CONNECTIONS:
            transport.abort()
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER)
        if (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._silent = self.loop.call_later(REQUEST_TIMEOUT, self._close_if_silent)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._stalled, self._silent):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()

    def _close_if_silent(self) -> None:
        if self.cycle is None:  # no request has come
            self.transport.abort()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises OSError."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server((str(address[0]), port), family=family, backlog=1024)
