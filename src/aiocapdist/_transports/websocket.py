"""The WebSocket door's transport: messages over any byte pipe, TCP or TLS.

The protocol itself is the core of the `websockets` library, which does no I/O; this feeds
it from the pipe below and fetches from it what the pipe has to write.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from .._extras import needs_extra
from .base import Connector, DataSource, ReceiveCallback, Transport

if TYPE_CHECKING:
    from websockets.client import ClientProtocol
    from websockets.frames import Frame

# Of its own, and off: at level DEBUG the library would log what is in the messages.
_SILENT = logging.Logger("aiocapdist.websocket")  # noqa: LOG001 - no settings reach it
_SILENT.disabled = True


_SLICE = 16_384
"""Bytes that are taken apart at a time: each two may become a frame, and an answer to it."""
_UNSENT_PONGS = 1000
"""Pongs that may wait for a peer who does not read."""


class WebSocketConnector:
    """A WebSocket behind the door ``pipe``, which may be one with TLS (``wss``)."""

    def __init__(self, scheme: str, pipe: Connector, max_message: int) -> None:
        with needs_extra("ws", "the WebSocket transport"):
            from websockets.client import ClientProtocol
            from websockets.uri import parse_uri
        self.scheme = scheme
        self.host = pipe.host
        self.port = pipe.port
        self._pipe = pipe
        host = f"[{pipe.host}]" if ":" in pipe.host else pipe.host
        uri = parse_uri(f"{scheme}://{host}:{pipe.port}/")
        # No extensions: compression saves nothing here and costs memory for each message.
        self._make = partial(ClientProtocol, uri, max_size=max_message, logger=_SILENT)

    async def open(self) -> WebSocketTransport:
        return WebSocketTransport(await self._pipe.open(), self._make())


class WebSocketTransport:
    """See :class:`~aiocapdist._transports.base.Transport`. Asks to upgrade, then carries."""

    def __init__(self, pipe: Transport, protocol: ClientProtocol) -> None:
        from websockets.frames import Frame, Opcode
        from websockets.http11 import Response

        self._pipe = pipe
        self._protocol = protocol
        self._response = Response
        self._frame = Frame
        self._data = (Opcode.BINARY, Opcode.CONT)
        self._ping = Opcode.PING
        self._unwanted = {
            Opcode.TEXT: "OpenD sent text through the WebSocket, not messages",
            Opcode.CLOSE: "OpenD closed the WebSocket",
        }
        # Not a list of them: of nothing but tiny ones, that is many times as large.
        self._parts = bytearray()
        self._pongs = 0
        self._upgraded = False
        self._cause: Exception | None = None
        protocol.send_request(protocol.connect())

    def schedule_write(self, immediately: bool = False) -> None:
        self._pipe.schedule_write(immediately)

    def close(self) -> None:
        self._pipe.close()

    async def run(self, receive: ReceiveCallback, data_to_send: DataSource) -> Exception | None:
        self._receive = receive
        self._data_to_send = data_to_send
        error = await self._pipe.run(self._feed, self._fetch)
        if self._cause is None and not self._upgraded:
            self._protocol.receive_eof()
            self._judge()
        return self._cause or error

    def _fetch(self) -> list[bytes]:
        if self._upgraded and self._cause is None:
            for message in self._data_to_send():
                self._protocol.send_binary(message)
        self._pongs = 0
        # An empty piece asks for the end of writing: the pipe's end is near by itself.
        return [piece for piece in self._protocol.data_to_send() if piece]

    def _feed(self, data: bytes) -> None:
        for at in range(0, len(data), _SLICE):
            self._protocol.receive_data(data[at : at + _SLICE])
            for event in self._protocol.events_received():
                if isinstance(event, self._response):
                    self._upgraded = self._protocol.handshake_exc is None
                elif isinstance(event, self._frame) and self._cause is None:
                    self._take(event)
            self._judge()
            if self._cause is not None:
                break
        self._pipe.schedule_write()  # the greeting after the upgrade, a pong, a good-bye
        if self._cause is not None:
            self._pipe.close()

    def _judge(self) -> None:
        """Whether it still works."""
        failure = self._protocol.handshake_exc or self._protocol.parser_exc
        if failure is not None and self._cause is None:
            self._cause = ConnectionError(f"this is no WebSocket that works: {failure}")

    def _take(self, frame: Frame) -> None:
        """One frame: data, whole or a part; else a ping or pong, which is dealt with."""
        opcode = frame.opcode
        if opcode in self._data:
            if frame.fin and not self._parts:
                self._receive(bytes(frame.data))
                return
            self._parts += frame.data
            if frame.fin:
                message = bytes(self._parts)
                self._parts.clear()
                self._receive(message)
        elif opcode in self._unwanted:
            self._cause = ConnectionError(self._unwanted[opcode])
        elif opcode is self._ping:
            self._pongs += 1
            if self._pongs > _UNSENT_PONGS:
                self._cause = ConnectionError("OpenD sends pings and does not read the answers")
