"""A TCP client with its own codec, so that a bug in the library's codec is noticed."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import anyio
from anyio.abc import ByteStream
from google.protobuf.message import Message

from aiocapdist._pb import (
    capital_distribution_pb2,
    capital_flow_pb2,
    global_state_pb2,
    init_connect_pb2,
    keep_alive_pb2,
)
from aiocapdist.simulator import Simulator

HEAD = struct.Struct("<1s1sI2B2I20s8s")  # as the vendor's client has it
assert HEAD.size == 44


class Reply(NamedTuple):
    """One valid frame from the simulator."""

    proto_id: int
    serial: int
    body: bytes

    @property
    def refusal(self) -> tuple[int, str]:
        """Result number and text, which all replies have."""
        read = keep_alive_pb2.Response()
        read.MergeFromString(self.body)
        return read.retType, read.retMsg


def frame(proto_id: int, serial: int, body: bytes, **wrong: Any) -> bytes:
    """Return a request's bytes. ``wrong`` replaces ``magic``, ``format``, ``version``,
    ``length``, ``digest`` or ``reserved``."""
    magic = wrong.get("magic", b"FT")
    return (
        HEAD.pack(
            magic[:1],
            magic[1:],
            proto_id,
            wrong.get("format", 0),
            wrong.get("version", 0),
            serial,
            wrong.get("length", len(body)),
            wrong.get("digest", hashlib.sha1(body).digest()),
            wrong.get("reserved", bytes(8)),
        )
        + body
    )


class RawClient:
    """Send any bytes and check each reply against the protocol."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._rest = b""

    async def send(self, data: bytes) -> None:
        await self._stream.send(data)

    async def receive(self) -> Reply:
        """Return the next frame. Raises EndOfStream if the simulator closed the connection."""
        head = HEAD.unpack(await self._read_exactly(HEAD.size))
        first, second, proto_id, body_format, version, serial, length, digest, reserved = head
        body = await self._read_exactly(length)
        assert (first, second) == (b"F", b"T")
        assert (body_format, version) == (0, 0)
        assert digest == hashlib.sha1(body).digest()
        assert reserved == bytes(8)
        return Reply(proto_id, serial, body)

    async def ask(self, proto_id: int, serial: int, message: Message | bytes) -> Reply:
        """Send a valid request and return its reply, which must echo id and serial."""
        body = message if isinstance(message, bytes) else message.SerializeToString()
        await self.send(frame(proto_id, serial, body))
        reply = await self.receive()
        assert (reply.proto_id, reply.serial) == (proto_id, serial)
        return reply

    async def is_closed(self) -> bool:
        """Wait until the simulator closes the connection; fails if anything else arrives."""
        try:
            data = self._rest or await self._stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return True
        raise AssertionError(f"unexpected data: {data!r}")

    async def _read_exactly(self, n: int) -> bytes:
        while len(self._rest) < n:
            self._rest += await self._stream.receive()
        taken, self._rest = self._rest[:n], self._rest[n:]
        return taken


@asynccontextmanager
async def raw_client(opend: Simulator, *, handshake: bool = True) -> AsyncIterator[RawClient]:
    """A connection to the simulator, after its handshake unless ``handshake`` is False."""
    async with await opend.memory.open() as stream:
        client = RawClient(stream)
        if handshake:
            reply = await client.ask(1001, 1, handshake_request())
            assert reply.refusal[0] == 0
        yield client


def handshake_request() -> Message:
    c2s = init_connect_pb2.C2S(clientVer=1011, clientID="raw", recvNotify=True)
    return init_connect_pb2.Request(c2s=c2s)


def keep_alive_request() -> Message:
    return keep_alive_pb2.Request(c2s=keep_alive_pb2.C2S(time=1))


def global_state_request() -> Message:
    return global_state_pb2.Request(c2s=global_state_pb2.C2S(userID=0))


def distribution_request(market: int, code: str) -> Message:
    """A request of proto 3212."""
    security = {"market": market, "code": code}
    return capital_distribution_pb2.Request(c2s={"security": security})


def flow_request(market: int, code: str, period: int = 1, **dates: str) -> Message:
    """A request of 3211."""
    security = {"market": market, "code": code}
    return capital_flow_pb2.Request(c2s={"security": security, "periodType": period, **dates})
