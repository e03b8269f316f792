"""WebSocket messages over another transport: TCP, or TLS for wss.

The protocol is the core of the `websockets` library, which does no I/O: this module feeds it
what the transport below receives, and takes from it what is to be sent. Only the usual messages
bypass it (see :mod:`.websocket_frames`).
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from .._extras import needs_extra
from .base import Connector, DataSource, ReceiveCallback, Transport
from .errors import NotWebSocket

if TYPE_CHECKING:
    from websockets.client import ClientProtocol
    from websockets.frames import Frame

# A logger of its own, switched off: at level DEBUG the library would log message contents.
_SILENT = logging.Logger("aiocapdist.websocket")  # noqa: LOG001 - not configurable on purpose
_SILENT.disabled = True

_FEED_SIZE = 16_384
"""Bytes parsed at a time: each two of them may become a frame, and a reply to it."""
_MAX_PONGS = 1000
"""Pongs queued for a peer that does not read."""
_END_OF_HEAD = b"\r\n\r\n"
_FIRST_BYTES = 16
"""Bytes of the peer's first reply that are kept to recognise its protocol."""


class WebSocketConnector:
    """Connects through ``connector``, which uses TLS for the scheme ``wss``."""

    def __init__(self, scheme: str, connector: Connector, max_message: int) -> None:
        with needs_extra("ws", "the WebSocket transport"):
            from websockets.client import ClientProtocol
            from websockets.uri import parse_uri
        self.scheme = scheme
        self.host = connector.host
        self.port = connector.port
        self._connector = connector
        self._max_message = max_message
        host = f"[{self.host}]" if ":" in self.host else self.host
        uri = parse_uri(f"{scheme}://{host}:{self.port}/")
        # No extensions: compression saves nothing here and costs memory for each message.
        self._new_protocol = partial(ClientProtocol, uri, max_size=max_message, logger=_SILENT)

    async def open(self, timeout: float) -> WebSocketTransport:
        transport = await self._connector.open(timeout)
        return WebSocketTransport(transport, self._new_protocol(), self._max_message)


class WebSocketTransport:
    """See :class:`~aiocapdist._transports.base.Transport`. Upgrades before anything else."""

    def __init__(self, transport: Transport, protocol: ClientProtocol, max_message: int) -> None:
        from websockets.frames import Frame, Opcode
        from websockets.http11 import Response

        from .websocket_frames import MessageReader, encode_messages

        self._transport = transport
        self.schedule_write = transport.schedule_write
        self.readable = transport.readable
        self.close = transport.close
        self._protocol = protocol
        self._encode_messages = encode_messages
        self._reader = MessageReader(max_message)
        self._reads_directly = False
        self._response = Response
        self._frame = Frame
        self._data = (Opcode.BINARY, Opcode.CONT)
        self._ping = Opcode.PING
        self._unexpected = {
            Opcode.TEXT: "OpenD sent a text message through the WebSocket",
            Opcode.CLOSE: "OpenD closed the WebSocket",
        }
        # A bytearray, not a list: a list of very short fragments is many times as large.
        self._fragments = bytearray()
        self._first_bytes = b""
        self._pongs = 0
        self._upgraded = False
        self._error: Exception | None = None
        protocol.send_request(protocol.connect())

    # Methods of Transport

    async def run(self, receive: ReceiveCallback, data_to_send: DataSource) -> Exception | None:
        self._receive = receive
        self._data_to_send = data_to_send
        try:
            error = await self._transport.run(self._receive_data, self._fetch)
            if self._error is None and not self._upgraded:
                self._protocol.receive_eof()
                self._check_protocol()
            return self._error or error
        finally:
            self._drop_unfinished()

    def _drop_unfinished(self) -> None:
        """Drop what is buffered of a message whose end will not come."""
        self._reader.clear()
        self._fragments.clear()
        self._protocol.reader.discard()

    # Callbacks of the transport below

    def _fetch(self) -> list[bytes]:
        # An empty piece asks to close the sending side: close() does that.
        pieces = [piece for piece in self._protocol.data_to_send() if piece]
        if self._upgraded and self._error is None:
            pieces += self._encode_messages(self._data_to_send())
        self._pongs = 0
        return pieces

    def _receive_data(self, received: list[bytes]) -> None:
        for data in received:
            self._read(data if self._upgraded else self._receive_upgrade(data))
        self._transport.schedule_write()  # the handshake after the upgrade, a pong, a close frame
        if self._error is not None:
            self._transport.close()

    def _receive_upgrade(self, data: bytes) -> bytes:
        """Accept a part of the reply to the upgrade; return what follows the reply."""
        self._first_bytes = (self._first_bytes + data)[:_FIRST_BYTES]
        head, end, rest = data.partition(_END_OF_HEAD)
        self._feed(head + end)
        # Where the head's end is cut in two, another was found, if any: within a frame.
        is_cut = data.startswith((b"\r", b"\n"))
        self._reads_directly = self._upgraded and bool(end) and not is_cut
        return rest

    def _read(self, data: bytes) -> None:
        if self._reads_directly:
            messages, data = self._reader.read(data)
            if messages:
                self._receive(messages)
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        for at in range(0, len(data), _FEED_SIZE):
            if self._error is None:
                self._parse(data[at : at + _FEED_SIZE])

    def _parse(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        messages: list[bytes] = []
        for event in self._protocol.events_received():
            if isinstance(event, self._frame):
                if self._error is None:
                    self._receive_frame(event, messages)
            elif isinstance(event, self._response):
                self._upgraded = self._protocol.handshake_exc is None
        if messages:
            self._receive(messages)
        self._check_protocol()

    def _check_protocol(self) -> None:
        """Set the error if the upgrade or a frame was invalid."""
        failure = self._protocol.handshake_exc or self._protocol.parser_exc
        if failure is None or self._error is not None:
            return
        if self._upgraded:
            self._error = ConnectionError(f"invalid WebSocket data: {failure}")
        else:
            reason = f"the upgrade to WebSocket failed: {failure}"
            self._error = NotWebSocket(reason, self._first_bytes)

    def _receive_frame(self, frame: Frame, messages: list[bytes]) -> None:
        """Handle a frame; add the message that it completes."""
        opcode = frame.opcode
        if opcode in self._data:
            # The protocol keeps the latest frame: a long message would be there twice.
            data, frame.data = frame.data, b""
            if frame.fin and not self._fragments:
                messages.append(bytes(data))
                return
            self._fragments += data
            if frame.fin:
                messages.append(bytes(self._fragments))
                self._fragments.clear()
        elif opcode in self._unexpected:
            self._error = ConnectionError(self._unexpected[opcode])
        elif opcode is self._ping:
            self._pongs += 1
            if self._pongs > _MAX_PONGS:
                self._error = ConnectionError("OpenD sends pings and does not read the pongs")
