"""A WebSocket server that does only what a test tells it to (see ``scripted_server.py``).

It answers the upgrade and the handshake, unless told otherwise; the rest is up to the test::

    async with ScriptedWebSocketServer() as server, server.connect() as client:
        peer = await server.accept()
        ...                                 # some task calls client.capital_distribution
        request = await peer.next()
        await peer.reply(request, figures_reply(), error=1)
"""

from __future__ import annotations

import math
import struct
from collections import deque
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import anyio
from anyio.abc import ByteStream, Listener, SocketAttribute
from google.protobuf.message import Message
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

import aiocapdist
from aiocapdist._client.connect import Connecting
from aiocapdist._pb import init_websocket_pb2
from aiocapdist._transports.memory import MemoryListener

from .scripted_server import GONE

SIGN = b"ft-v1.0\0"


class ReceivedRequest(NamedTuple):
    """One request of the client."""

    proto_id: int
    serial: int
    body: bytes


def init_reply(conn_id: int) -> Message:
    """Return a reply to InitWebSocket that accepts the client."""
    s2c = init_websocket_pb2.S2C(serverTime=1, connID=conn_id)
    return init_websocket_pb2.Response(retType=0, retMsg="", errCode=0, s2c=s2c)


class WebSocketPeer:
    """The server's end of one connection."""

    def __init__(self, stream: ByteStream) -> None:
        self.request: Request | None = None
        """The HTTP request to upgrade; None before it has come."""
        self.control_frames: list[Frame] = []
        """Frames that carried no request: pongs, a close."""
        self.protocol = ServerProtocol(max_size=None)
        """The protocol state, to send frames of any other kind with; then call ``flush``."""
        self._stream = stream
        self._requests: deque[ReceivedRequest] = deque()

    async def acceptance(self) -> Response:
        """Wait for the request to upgrade, and return the response that accepts it."""
        while self.request is None:
            await self._read()
        return self.protocol.accept(self.request)

    async def upgrade(self) -> None:
        """Wait for the request to upgrade, and accept it."""
        self.protocol.send_response(await self.acceptance())
        await self.flush()

    async def next(self) -> ReceivedRequest:
        """Return the next request. Raises EndOfStream if the client has hung up."""
        while not self._requests:
            await self._read()
        return self._requests.popleft()

    async def next_control_frame(self) -> Frame:
        """Return the next frame that carries no request."""
        while not self.control_frames:
            await self._read()
        return self.control_frames.pop(0)

    async def reply(
        self,
        to: ReceivedRequest,
        message: Message | bytes = b"",
        *,
        error: int = 0,
        text: bytes = b"",
    ) -> None:
        """Answer a request."""
        await self.send_message(to.proto_id, to.serial, message, error=error, text=text)

    async def send_message(
        self,
        proto_id: int,
        serial: int,
        message: Message | bytes = b"",
        *,
        error: int = 0,
        text: bytes = b"",
    ) -> None:
        """Send one whole WebSocket message with one envelope in it."""
        self.protocol.send_binary(self.envelope(proto_id, serial, message, error, text))
        await self.flush()

    def envelope(
        self,
        proto_id: int,
        serial: int,
        message: Message | bytes,
        error: int = 0,
        text: bytes = b"",
    ) -> bytes:
        """Return OpenD's envelope around this reply."""
        body = message if isinstance(message, bytes) else message.SerializePartialToString()
        return SIGN + struct.pack(">IQi20s", proto_id, serial, error, text) + body

    async def flush(self) -> None:
        """Send what the protocol state wants to send."""
        await self.send(b"".join(self.protocol.data_to_send()))

    async def send(self, data: bytes) -> None:
        """Send any bytes at all."""
        await self._stream.send(data)

    async def hang_up(self) -> None:
        """Close the connection at once, as if OpenD had gone."""
        await anyio.aclose_forcefully(self._stream)

    async def _read(self) -> None:
        self.protocol.receive_data(await self._stream.receive())
        for event in self.protocol.events_received():
            if isinstance(event, Request):
                self.request = event
            elif isinstance(event, Frame) and event.opcode is Opcode.BINARY:
                data = bytes(event.data)
                assert data.startswith(SIGN)
                assert event.fin
                proto_id, serial = struct.unpack_from(">IQ", data, 8)
                self._requests.append(ReceivedRequest(proto_id, serial, data[20:]))
            elif isinstance(event, Frame):
                self.control_frames.append(event)


class ScriptedWebSocketServer:
    """Listens on TCP, or at ``listener`` in memory.

    ``handshake`` is how far it goes on its own: to the end of OpenD's handshake, of the
    WebSocket's upgrade only, or nowhere (None).
    """

    def __init__(
        self,
        listener: MemoryListener | None = None,
        *,
        handshake: Literal["complete", "upgrade"] | None = "complete",
    ) -> None:
        self.port = 0
        self._memory = listener
        self._handshake = handshake
        self._count = 0

    def connect(self, **options: Any) -> Connecting:
        """Call ``aiocapdist.connect`` to this server."""
        return aiocapdist.connect(f"ws://127.0.0.1:{self.port}", **options)

    async def accept(self) -> WebSocketPeer:
        """Return the next connection."""
        return await self._accepted.receive()

    async def __aenter__(self) -> Self:
        self._accept, self._accepted = anyio.create_memory_object_stream[WebSocketPeer](math.inf)
        listener: Listener[Any]
        if self._memory is not None:
            listener = self._memory
        else:
            listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
            self.port = listener.extra(SocketAttribute.local_port)
        self._listener = listener
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(listener.serve, self._talk)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._group.cancel_scope.cancel()
        # Given no exception, so that a test's failed assertion is not wrapped in a group.
        await self._group.__aexit__(None, None, None)
        await anyio.aclose_forcefully(self._listener)
        self._accept.close()
        self._accepted.close()

    async def _talk(self, stream: ByteStream) -> None:
        self._count += 1
        peer = WebSocketPeer(stream)
        try:
            if self._handshake is not None:
                await peer.upgrade()
            if self._handshake == "complete":
                request = await peer.next()
                assert request.proto_id == 1
                await peer.reply(request, init_reply(self._count))
            self._accept.send_nowait(peer)
            await anyio.sleep_forever()
        except GONE:
            pass  # before the handshake was over
        finally:
            await anyio.aclose_forcefully(stream)
