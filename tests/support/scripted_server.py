"""A server that speaks OpenD's frames and does only what a test tells it to.

The simulator behaves; this one need not::

    async with ScriptedServer() as server, server.connect() as client:
        peer = await server.accept()
        ...                                 # some task calls client.capital_distribution
        frame = await peer.next()
        await peer.reply(frame, figures_reply(), digest=bytes(20))

It answers the handshake without being told, so that ``connect`` can be awaited in the test's
own task. After that it reads only when asked to: what the client wrote stays unread until
``peer.next()``.
"""

from __future__ import annotations

import math
from collections import deque
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.abc import ByteStream, Listener, SocketAttribute
from google.protobuf.message import Message

import aiocapdist
from aiocapdist import Security
from aiocapdist._client.connect import Connecting
from aiocapdist._pb import capital_distribution_pb2, init_connect_pb2, keep_alive_pb2
from aiocapdist._protocol.frames import Frame, FrameDecoder, digest_of, encode_frame
from aiocapdist._transports.memory import MemoryListener

GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)
"""What reading or writing raises after the client has hung up."""


def figures_reply(in_big: float = 3.0) -> Message:
    """Return a valid reply to 3212; ``in_big`` tells one from another."""
    return capital_distribution_pb2.Response(
        retType=0,
        retMsg="",
        errCode=0,
        s2c=capital_distribution_pb2.S2C(
            capitalInBig=in_big,
            capitalInMid=2.0,
            capitalInSmall=1.0,
            capitalOutBig=1.0,
            capitalOutMid=1.0,
            capitalOutSmall=1.0,
        ),
    )


def error_reply(ret_type: int, text: str = "", err_code: int = 0) -> Message:
    """Return a reply without success: its shape is the same for all calls."""
    return keep_alive_pb2.Response(retType=ret_type, retMsg=text, errCode=err_code)


def init_reply(conn_id: int, keep_alive_interval: int = 10) -> Message:
    """Return a reply to InitConnect that accepts the client."""
    s2c = init_connect_pb2.S2C(
        serverVer=1011,
        loginUserID=7,
        connID=conn_id,
        connAESKey="0123456789abcdef",
        keepAliveInterval=keep_alive_interval,
    )
    return init_connect_pb2.Response(retType=0, retMsg="", errCode=0, s2c=s2c)


def code_of(frame: Frame) -> str:
    """Return the code that a request of 3212 asks about."""
    asked = capital_distribution_pb2.Request.FromString(frame.body).c2s.security
    return str(Security(aiocapdist.Market(asked.market), asked.code))


class Peer:
    """The server's end of one connection."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._decoder = FrameDecoder(lambda proto_id: 2**20)
        self._frames: deque[Frame] = deque()

    async def next(self) -> Frame:
        """Return the next request. Raises EndOfStream if the client has hung up."""
        while not self._frames:
            self._frames.extend(self._decoder.feed(await self._stream.receive()))
        return self._frames.popleft()

    async def reply(self, to: Frame, message: Message | bytes, **wrong: Any) -> None:
        """Answer a request; ``wrong`` replaces ``serial``, ``digest`` or ``body_format``."""
        body = message if isinstance(message, bytes) else message.SerializePartialToString()
        serial = wrong.get("serial", to.serial)
        data = bytearray(
            encode_frame(to.proto_id, serial, body, wrong.get("digest", digest_of(body)))
        )
        data[6] = wrong.get("body_format", 0)
        await self.send(bytes(data))

    async def send(self, data: bytes) -> None:
        """Send any bytes at all."""
        await self._stream.send(data)

    async def hang_up(self) -> None:
        """Close the connection at once, as if OpenD had gone."""
        await anyio.aclose_forcefully(self._stream)


class ScriptedServer:
    """Listens on TCP, or at ``listener`` in memory; with ``handshake=False`` it only listens."""

    def __init__(
        self,
        listener: MemoryListener | None = None,
        *,
        handshake: bool = True,
        keep_alive_interval: int = 10,
    ) -> None:
        self.port = 0
        self._memory = listener
        self._handshake = handshake
        self._keep_alive_interval = keep_alive_interval
        self._count = 0

    def connect(self, **options: Any) -> Connecting:
        """Call ``aiocapdist.connect`` to this server."""
        if self._memory is not None:
            return aiocapdist.connect(self._memory, **options)
        return aiocapdist.connect(port=self.port, **options)

    async def accept(self) -> Peer:
        """Return the next connection, after its handshake if this server answers it."""
        return await self._accepted.receive()

    async def __aenter__(self) -> Self:
        self._accept, self._accepted = anyio.create_memory_object_stream[Peer](math.inf)
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
        peer = Peer(stream)
        try:
            if self._handshake:
                request = await peer.next()
                await peer.reply(request, init_reply(self._count, self._keep_alive_interval))
            self._accept.send_nowait(peer)
            await anyio.sleep_forever()
        except GONE:
            pass  # before the handshake was over
        finally:
            await anyio.aclose_forcefully(stream)
