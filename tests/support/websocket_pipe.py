"""A WebSocket's client over a pipe: a test hands it bytes, and sees what it makes of them."""

from __future__ import annotations

import re
import types
from collections.abc import Coroutine, Generator
from typing import Any

from websockets.utils import accept_key

from aiocapdist._transports.base import DataSource, ReceiveCallback
from aiocapdist._transports.websocket import WebSocketConnector, WebSocketTransport

from .internals import websocket_protocol


@types.coroutine
def never() -> Generator[None]:
    """Wait: the test calls the callbacks itself."""
    yield


class Pipe:
    """A pipe that keeps what is written, and can be closed."""

    scheme, host, port = "tcp", "127.0.0.1", 1

    def __init__(self) -> None:
        self.closed = False
        self.written = b""
        self.running: Coroutine[Any, Any, object] | None = None

    async def open(self, timeout: float) -> Pipe:
        return self

    async def run(self, receive: ReceiveCallback, data_to_send: DataSource) -> Exception | None:
        self.receive, self.data_to_send = receive, data_to_send
        self.schedule_write()
        await never()
        raise AssertionError

    def schedule_write(self, immediately: bool = False) -> None:
        self.written += b"".join(self.data_to_send())

    def readable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


def upgraded(
    max_message: int,
    receive: ReceiveCallback | None = None,
    *,
    followed_by: bytes = b"",
    cut: int = 0,
) -> tuple[WebSocketTransport, Pipe, list[bytes]]:
    """A WebSocket that was just let through, and where its messages go.

    The reply that let it through is followed by these bytes, and all is cut in two so many bytes
    after the reply's end.
    """
    pipe = Pipe()
    protocol = websocket_protocol(WebSocketConnector("ws", pipe, max_message))
    transport = WebSocketTransport(pipe, protocol, max_message)
    got: list[bytes] = []
    pipe.running = transport.run(receive or got.extend, list)  # it ends when it is dropped
    pipe.running.send(None)
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", pipe.written)
    assert key is not None
    accept = accept_key(key[1].decode())
    reply = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n"
    )
    at = len(reply) + cut
    pipe.receive([(reply + followed_by)[:at], (reply + followed_by)[at:]])
    assert not pipe.closed
    return transport, pipe, got


def framed(opcode: int, body: bytes, *, fin: bool = True) -> bytes:
    """A frame as servers send it: without a mask."""
    first = bytes([0x80 * fin | opcode])
    if len(body) < 126:
        return first + bytes([len(body)]) + body
    return first + b"\x7e" + len(body).to_bytes(2, "big") + body
