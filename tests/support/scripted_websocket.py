"""A WebSocket server that does only what a test tells it to: ``misbehaving.py`` for that door.

It upgrades and lets in by itself, unless told otherwise; all else is up to the test::

    async with WebSocketServer() as server, server.connect() as client:
        peer = await server.accept()
        ...                                 # some task calls client.capital_distribution
        asked = await peer.next()
        await peer.reply(asked, figures(), error=1)
"""

from __future__ import annotations

import math
import struct
from collections import deque
from types import TracebackType
from typing import Any, NamedTuple, Self

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

SIGN = b"ft-v1.0\0"


class Asked(NamedTuple):
    """One request: its command, its section and its body."""

    proto_id: int
    serial: int
    body: bytes


def welcome(conn_id: int) -> Message:
    """The reply to InitWebSocket that lets a client in."""
    s2c = init_websocket_pb2.S2C(serverTime=1, connID=conn_id)
    return init_websocket_pb2.Response(retType=0, retMsg="", errCode=0, s2c=s2c)


class WebSocketPeer:
    """One connection, seen from OpenD's side."""

    def __init__(self, stream: ByteStream) -> None:
        self.request: Request | None = None
        """The request to upgrade, once it has come."""
        self.others: list[Frame] = []
        """Frames that carried no request: pongs, a close."""
        self._stream = stream
        self.protocol = ServerProtocol(max_size=None)
        """The server's end, for frames of any other kind; then ``flush``."""
        self._asked: deque[Asked] = deque()

    async def agreed(self) -> Response:
        """Wait for the request to upgrade; what to answer if one agrees."""
        while self.request is None:
            await self._read()
        return self.protocol.accept(self.request)

    async def upgrade(self) -> None:
        """Wait for the request to upgrade, and agree."""
        self.protocol.send_response(await self.agreed())
        await self.flush()

    async def next(self) -> Asked:
        """The next request. EndOfStream where the client has hung up."""
        while not self._asked:
            await self._read()
        return self._asked.popleft()

    async def other(self) -> Frame:
        """The next frame that carries no request."""
        while not self.others:
            await self._read()
        return self.others.pop(0)

    async def reply(
        self, to: Asked, message: Message | bytes = b"", *, error: int = 0, text: bytes = b""
    ) -> None:
        """Answer a request."""
        await self.say(to.proto_id, to.serial, message, error=error, text=text)

    async def say(
        self,
        proto_id: int,
        serial: int,
        message: Message | bytes = b"",
        *,
        error: int = 0,
        text: bytes = b"",
    ) -> None:
        """One whole message with one envelope in it."""
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
        body = message if isinstance(message, bytes) else message.SerializePartialToString()
        return SIGN + struct.pack(">IQi20s", proto_id, serial, error, text) + body

    async def flush(self) -> None:
        """Send what the protocol has to send."""
        await self.send(b"".join(self.protocol.data_to_send()))

    async def send(self, data: bytes) -> None:
        """Any bytes at all."""
        await self._stream.send(data)

    async def hang_up(self) -> None:
        """As if OpenD had gone."""
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
                self._asked.append(Asked(*struct.unpack_from(">IQ", data, 8), data[20:]))
            elif isinstance(event, Frame):
                self.others.append(event)


class WebSocketServer:
    """Listens on TCP, or at ``door`` in memory.

    ``greet`` is how far it goes by itself: it lets clients in, or only upgrades
    (``"upgrade"``), or does nothing at all (``None``).
    """

    def __init__(self, door: MemoryListener | None = None, *, greet: str | None = "let in") -> None:
        self.port = 0
        self._door = door
        self._greet = greet
        self._count = 0

    def connect(self, **options: Any) -> Connecting:
        """``aiocapdist.connect`` to this server."""
        return aiocapdist.connect(f"ws://127.0.0.1:{self.port}", **options)

    async def accept(self) -> WebSocketPeer:
        """The next connection."""
        return await self._arrivals.receive()

    async def __aenter__(self) -> Self:
        self._arrive, self._arrivals = anyio.create_memory_object_stream[WebSocketPeer](math.inf)
        listener: Listener[Any]
        if self._door is not None:
            listener = self._door
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
        # Told of no exception, so that a test's failed assertion leaves bare.
        await self._group.__aexit__(None, None, None)
        await anyio.aclose_forcefully(self._listener)
        self._arrive.close()
        self._arrivals.close()

    async def _talk(self, stream: ByteStream) -> None:
        self._count += 1
        peer = WebSocketPeer(stream)
        try:
            if self._greet is not None:
                await peer.upgrade()
            if self._greet == "let in":
                greeting = await peer.next()
                assert greeting.proto_id == 1
                await peer.reply(greeting, welcome(self._count))
            self._arrive.send_nowait(peer)
            await anyio.sleep_forever()
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # gone before it was let in
        finally:
            await anyio.aclose_forcefully(stream)
