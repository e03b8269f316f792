"""A WebSocket client with its own envelopes, so that a bug in the library's is noticed."""

from __future__ import annotations

import hashlib
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import ByteStream
from google.protobuf.message import Message
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from aiocapdist._pb import init_websocket_pb2
from aiocapdist.simulator import Simulator


class RawWebSocketClient:
    """Upgrade, then send any message and collect the frames that arrive."""

    def __init__(self, stream: ByteStream, port: int) -> None:
        self.protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/"), max_size=None)
        self._stream = stream
        self._frames: deque[Frame] = deque()
        self._upgraded = False

    async def upgrade(self) -> None:
        self.protocol.send_request(self.protocol.connect())
        await self.flush()
        while not self._upgraded:
            await self._read()

    async def flush(self) -> None:
        await self._stream.send(b"".join(self.protocol.data_to_send()))

    async def send_message(self, data: bytes) -> None:
        self.protocol.send_binary(data)
        await self.flush()

    async def next(self) -> Frame:
        while not self._frames:
            await self._read()
        return self._frames.popleft()

    async def ask(
        self, proto_id: int, serial: int, message: Message | bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """Return error number, text and body of the reply, which must echo id and serial."""
        await self.send_message(request(proto_id, serial, message))
        frame = await self.next()
        assert frame.opcode is Opcode.BINARY
        data = bytes(frame.data)
        sign, command, section, error, text = struct.unpack_from(">8sIQi20s", data)
        assert (sign, command, section) == (b"ft-v1.0\0", proto_id, serial)
        return error, text.rstrip(b"\0"), data[44:]

    async def handshake(self, key: str = "") -> tuple[int, bytes, bytes]:
        return await self.ask(1, 1, handshake_request(key))

    async def is_closed(self) -> bool:
        """Wait until the simulator closes the connection; fails if anything else arrives."""
        assert not self._frames
        try:
            data = await self._stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return True
        raise AssertionError(f"unexpected data: {data!r}")

    async def _read(self) -> None:
        self.protocol.receive_data(await self._stream.receive())
        for event in self.protocol.events_received():
            if isinstance(event, Response):
                assert self.protocol.handshake_exc is None
                self._upgraded = True
            elif isinstance(event, Frame):
                self._frames.append(event)


def request(proto_id: int, serial: int, message: Message | bytes = b"") -> bytes:
    body = message if isinstance(message, bytes) else message.SerializeToString()
    return b"ft-v1.0\0" + struct.pack(">IQ", proto_id, serial) + body


def handshake_request(key: str) -> Message:
    digest = hashlib.md5(key.encode()).hexdigest() if key else ""
    c2s = init_websocket_pb2.C2S(websocketKey=digest, programmingLanguage="JavaScript")
    return init_websocket_pb2.Request(c2s=c2s)


@asynccontextmanager
async def websocket_client(opend: Simulator) -> AsyncIterator[RawWebSocketClient]:
    """A WebSocket after its upgrade and before OpenD's own handshake."""
    async with await anyio.connect_tcp("127.0.0.1", opend.websocket_port) as stream:
        client = RawWebSocketClient(stream, opend.websocket_port)
        await client.upgrade()
        yield client
