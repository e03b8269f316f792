"""A gateway that answers as fast as Python can, in a process of its own.

It counts no quota and makes no figures: one body, one digest. What is measured is the
client, and a slow gateway would only spread its replies over more reads.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1
from multiprocessing.connection import Connection
from typing import ClassVar

from aiocapdist._pb import (
    capital_distribution_pb2,
    global_state_pb2,
    init_connect_pb2,
    keep_alive_pb2,
)

HEAD = struct.Struct("<2sIBBII20s8x")


def capital_distribution_body() -> bytes:
    """A success with all ten fields, as a new OpenD has them."""
    s2c = capital_distribution_pb2.S2C(
        capitalInSuper=40602335.0,
        capitalInBig=47688649.0,
        capitalInMid=67018051.0,
        capitalInSmall=43443699.0,
        capitalOutSuper=46377811.0,
        capitalOutBig=58620418.0,
        capitalOutMid=106942240.0,
        capitalOutSmall=72529829.0,
        updateTime="2023-11-15 06:13:18",
        updateTimestamp=1.7e9,
    )
    response = capital_distribution_pb2.Response(retType=0, retMsg="", errCode=0, s2c=s2c)
    return response.SerializeToString()


def old_capital_distribution_body() -> bytes:
    """The same of an older OpenD, which tells nothing of super orders."""
    response = capital_distribution_pb2.Response.FromString(capital_distribution_body())
    response.s2c.ClearField("capitalInSuper")
    response.s2c.ClearField("capitalOutSuper")
    return response.SerializeToString()


def welcome_body() -> bytes:
    """The hand-shake's."""
    s2c = init_connect_pb2.S2C(
        serverVer=1011,
        loginUserID=1,
        connID=1,
        connAESKey="0123456789abcdef",
        keepAliveInterval=10,
        aesCBCiv="0123456789abcdef",
        userAttribution=1,
    )
    response = init_connect_pb2.Response(retType=0, retMsg="", errCode=0, s2c=s2c)
    return response.SerializeToString()


def _bodies() -> dict[int, bytes]:
    state = global_state_pb2.S2C(
        marketHK=3,
        marketUS=6,
        marketSH=3,
        marketSZ=3,
        marketHKFuture=3,
        qotLogined=True,
        trdLogined=True,
        serverVer=1011,
        serverBuildNo=1,
        time=1_700_000_000,
    )
    kept = keep_alive_pb2.S2C(time=1_700_000_000)
    return {
        1001: welcome_body(),
        1002: global_state_pb2.Response(retType=0, s2c=state).SerializeToString(),
        1004: keep_alive_pb2.Response(retType=0, s2c=kept).SerializeToString(),
        3212: capital_distribution_body(),
    }


class Answerer(asyncio.Protocol):
    """One connection: whole frames in, whole frames out, one write for each read."""

    answers: ClassVar = {proto: (body, sha1(body).digest()) for proto, body in _bodies().items()}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._write = transport.write
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        start, replies = 0, []
        while len(data) - start >= HEAD.size:
            _, proto_id, _, _, serial, length, _ = HEAD.unpack_from(data, start)
            if len(data) - start < HEAD.size + length:
                break
            start += HEAD.size + length
            body, digest = self.answers[proto_id]
            replies.append(HEAD.pack(b"FT", proto_id, 0, 0, serial, len(body), digest) + body)
        self._rest = data[start:]
        self._write(b"".join(replies))


async def _serve(told: Connection) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answerer, "127.0.0.1", 0, backlog=1024)
    told.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _run(told: Connection) -> None:
    asyncio.run(_serve(told))


@contextmanager
def gateway() -> Iterator[int]:
    """The port of a gateway that runs as long as the context."""
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(theirs,), daemon=True)
    process.start()
    theirs.close()  # else recv() would wait for ever for a process that ended
    try:
        yield mine.recv()
    finally:
        process.terminate()
        process.join()
