"""Limits of the server that the command runs: connections, heads, silence, slow readers."""

from __future__ import annotations

import re
import socket
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream
from starlette.applications import Starlette

from aiocapdist.web import _server
from aiocapdist.web._server import listen

from ..support.loops import ASYNCIO_LOOPS
from ..support.waiting import checkpoints, until
from ..support.web import served

pytestmark = pytest.mark.anyio
HEAD = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"


@pytest.fixture(params=ASYNCIO_LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Not trio: uvicorn does not run there."""
    return request.param


async def connect(url: str) -> SocketStream:
    return await anyio.connect_tcp("127.0.0.1", port_of(url))


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


async def closed(stream: SocketStream) -> bool:
    """Read to the end of a connection; True if it was closed in time."""
    with anyio.move_on_after(5):
        try:
            while True:
                await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return True
    return False


async def get(stream: SocketStream, url: str, path: str) -> bytes:
    await stream.send(HEAD.format(path=path, port=port_of(url)).encode())
    return await stream.receive()


async def test_connections_beyond_the_limit_are_closed_at_once(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_server, "MAX_CONNECTIONS", 3)
    with anyio.fail_after(10):
        async with served(app) as url:
            streams = [await connect(url) for _ in range(3)]
            for stream in streams:
                assert b"200 OK" in await get(stream, url, "/healthz")
            beyond = await connect(url)
            assert await closed(beyond)
            await beyond.aclose()
            await streams[0].aclose()
            async with await connect(url) as stream:
                assert b"200 OK" in await get(stream, url, "/healthz")
            for stream in streams[1:]:
                await stream.aclose()


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1"], ids=["none", "half"])
async def test_a_connection_without_a_request_is_closed(
    app: Starlette, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(_server, "REQUEST_TIMEOUT", 0.2)
    with anyio.fail_after(10):
        async with served(app) as url, await connect(url) as stream:
            if sent:
                await stream.send(sent)
            assert await closed(stream)


@pytest.mark.parametrize(
    "head",
    [
        f"GET /{'a' * 40_000} HTTP/1.1\r\n",
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: {'a' * 40_000}\r\n",
        "GET / HTTP/1.1\r\n" + "X: y\r\n" * 10_000,
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no http at all \r\n\r\n",
    ],
    ids=["path", "header", "headers", "tls"],
)
async def test_heads_that_are_too_long_or_none_end_the_connection(
    app: Starlette, head: str
) -> None:
    with anyio.fail_after(10):
        async with served(app) as url, await connect(url) as stream:
            with anyio.move_on_after(5):
                try:
                    await stream.send(head.encode("latin-1"))
                    while data := await stream.receive():
                        assert data.startswith(b"HTTP/1.1 400") or b"HTTP" not in data
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    pass
                else:
                    raise AssertionError("still open")


async def fill(app: Starlette, until_replaced: int) -> None:
    """Publish long events until so many were replaced for a reader that takes nothing, or it is
    disconnected."""
    feed = app.state.service.publisher.feed
    while feed.readers and feed.replaced < until_replaced:
        for code in ("HK.00700", "HK.00005"):
            feed.publish(code, {"code": code, "padding": "x" * 5000})
        await checkpoints(20)  # a reader that is not stuck takes them


async def slow_reader(url: str) -> socket.socket:
    """Open an event stream whose end takes next to nothing in."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port_of(url)))
    sock.sendall(HEAD.format(path="/v1/watch", port=port_of(url)).encode())
    sock.setblocking(False)
    return sock


async def test_a_slow_reader_gets_the_latest_when_it_reads_again(app: Starlette) -> None:
    publisher = app.state.service.publisher
    with anyio.fail_after(20):
        async with served(app) as url:
            with await slow_reader(url) as sock:
                await until(lambda: publisher.feed.readers)
                await fill(app, 200)
                publisher.feed.publish("HK.00700", {"code": "HK.00700", "last": True})
                data = b""
                while b'"last":true' not in data:
                    try:
                        data += sock.recv(65536)
                    except BlockingIOError:
                        await anyio.sleep(0.001)
    numbers = [int(n) for n in re.findall(rb"^id: \w+-(\d+)$", data, re.M)]
    assert numbers == sorted(numbers)
    assert numbers[-1] - numbers[0] > len(numbers) + 150  # most were left out
    # What waited in buffers: those of the process and of the kernel are bounded.
    assert len(data) < 400_000


async def test_a_reader_that_takes_nothing_is_disconnected(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_server, "STALLED", 0.3)
    readers = app.state.service.publisher.feed.readers
    with anyio.fail_after(20):
        async with served(app) as url:
            with await slow_reader(url):
                await until(lambda: readers)
                await fill(app, 200)
                await until(lambda: not readers)


async def test_it_listens_on_ipv6_too() -> None:
    try:
        sock = listen("::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with sock:
        assert sock.family == socket.AF_INET6
