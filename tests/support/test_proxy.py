"""The proxy does to the bytes what its options say, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

import anyio
import pytest
from anyio.abc import ByteStream

from .ports import kept_port
from .proxy import Direction, Link, LinkOptions, Proxy
from .tcp_server import tcp_server
from .waiting import until

pytestmark = pytest.mark.anyio
TEXT = bytes(range(256)) * 4


class Echo:
    """Sends back what it receives, and records it."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.ends: list[str] = []
        self.give_up = anyio.Event()

    async def __call__(self, stream: ByteStream) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._echo, stream, group.cancel_scope)
            await self.give_up.wait()
            group.cancel_scope.cancel()
        self.ends = self.ends or ["gave up"]

    async def _echo(self, stream: ByteStream, scope: anyio.CancelScope) -> None:
        try:
            async for data in stream:
                self.heard += data
                await stream.send(data)
            self.ends.append("close")
        except anyio.BrokenResourceError:
            self.ends.append("reset")
        scope.cancel()


@asynccontextmanager
async def through(*manners: LinkOptions) -> AsyncIterator[tuple[Proxy, Echo]]:
    echo = Echo()
    with anyio.fail_after(10):
        async with tcp_server(echo) as port, Proxy(port, manners) as proxy:
            yield proxy, echo


async def exactly(stream: ByteStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await stream.receive()
    return data


async def to_the_end(stream: ByteStream) -> tuple[bytes, str]:
    """Return all that is received, and how the stream ended."""
    data = b""
    try:
        async for piece in stream:
            data += piece
    except anyio.BrokenResourceError:
        return data, "reset"
    return data, "close"


async def dial(proxy: Proxy) -> ByteStream:
    return await anyio.connect_tcp("127.0.0.1", proxy.port)


async def test_a_plain_link_carries_all_both_ways_and_hangs_up_when_a_side_does() -> None:
    async with through() as (proxy, echo):
        async with await dial(proxy) as stream:
            await stream.send(TEXT)
            assert await exactly(stream, len(TEXT)) == TEXT
            (link,) = proxy.links
            await until(lambda: link.down == len(TEXT))
            assert link.up == len(TEXT)
        await link.ended.wait()
        await until(lambda: echo.ends)
    assert echo.heard == TEXT


async def test_one_byte_at_a_time_is_one_byte_at_a_time() -> None:
    """What the server reads at once is the system's matter: each byte has its own delay."""
    manner = LinkOptions(up=Direction(max_chunk=1, delay=0.002))
    async with through(manner) as (proxy, echo), await dial(proxy) as stream:
        began = perf_counter()
        await stream.send(TEXT[:40])
        assert await exactly(stream, 40) == TEXT[:40]
        assert perf_counter() - began >= 40 * 0.001, "uvloop's clock ticks in milliseconds"
    assert echo.heard == TEXT[:40]


async def test_a_delay_is_at_least_as_long_as_given() -> None:
    async with (
        through(LinkOptions(down=Direction(delay=0.05))) as (proxy, _),
        await dial(proxy) as stream,
    ):
        began = perf_counter()
        await stream.send(b"x")
        await stream.receive()
        assert perf_counter() - began >= 0.045, "uvloop's clock ticks in milliseconds"


@pytest.mark.parametrize("n", [0, 1, 500])
@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_close_after_lets_this_many_bytes_down(n: int, ending: str) -> None:
    manner = LinkOptions(down=Direction(close_after=n), ending=ending)  # type: ignore[arg-type]
    async with through(manner) as (proxy, _), await dial(proxy) as stream:
        try:
            await stream.send(TEXT)
        except anyio.BrokenResourceError:
            assert n == 0
        got, end = await to_the_end(stream)
        # A reset discards what the client has not read yet.
        assert got == TEXT[:n] if ending == "close" else TEXT[:n].startswith(got)
        if ending == "reset":
            assert end == "reset"
        assert proxy.links[0].down == n


async def test_close_after_lets_this_many_bytes_up() -> None:
    async with (
        through(LinkOptions(up=Direction(close_after=7))) as (proxy, echo),
        await dial(proxy) as stream,
    ):
        await stream.send(TEXT)
        await to_the_end(stream)
        await until(lambda: echo.ends)
    assert echo.heard == TEXT[:7]


async def test_a_black_hole_drops_bytes_and_stays_open_when_the_server_closes() -> None:
    async with through(LinkOptions(up=Direction(blackhole_after=3))) as (proxy, echo):
        async with await dial(proxy) as stream:
            await stream.send(TEXT)
            assert await exactly(stream, 3) == TEXT[:3]
            (link,) = proxy.links
            await until(lambda: link.blackholed == {"up"})
            link.blackhole()
            echo.give_up.set()
            await until(lambda: echo.ends)
            await stream.send(TEXT)
            with anyio.move_on_after(0.05) as patience:
                await stream.receive()
            assert patience.cancelled_caught
            assert not link.ended.is_set()
        await link.ended.wait()
    assert echo.heard == TEXT[:3]


async def test_one_bit_of_one_byte_is_flipped() -> None:
    manner = LinkOptions(up=Direction(flip_bit_at=300, max_chunk=100))
    async with through(manner) as (proxy, _), await dial(proxy) as stream:
        await stream.send(TEXT)
        got = await exactly(stream, len(TEXT))
    assert [(n, a ^ b) for n, (a, b) in enumerate(zip(TEXT, got, strict=True)) if a != b] == [
        (300, 0x10)
    ]


async def test_a_closed_gate_fills_the_pipe() -> None:
    gate = anyio.Event()
    sent = 2**15
    async with through(LinkOptions(up=Direction(gate=gate), buffers=4096)) as (proxy, echo):
        stream = await dial(proxy)

        async def fill() -> None:
            nonlocal sent
            while not gate.is_set():
                await stream.send(bytes(2**16))
                sent += 2**16
                assert sent < 64 * 2**20, "bytes are read"

        async def read() -> None:
            async for _ in stream:
                pass

        async with stream, anyio.create_task_group() as group:
            group.start_soon(read)
            await stream.send(bytes(sent))  # which has room
            with anyio.move_on_after(0.3):
                await fill()
            assert proxy.links[0].up == 0
            gate.set()
            # With buffers this small it takes a while: the first bytes are enough.
            await until(lambda: proxy.links[0].down > 2**14)
            group.cancel_scope.cancel()
    assert len(echo.heard) > 2**14


@pytest.mark.parametrize("deed", [Link.cut, Link.reset])
async def test_a_test_can_end_a_link_at_any_time(deed: object) -> None:
    async with through() as (proxy, _), await dial(proxy) as stream:
        await stream.send(b"x")
        await stream.receive()
        deed(proxy.links[0])  # type: ignore[operator]
        assert await to_the_end(stream) == (b"", "reset" if deed is Link.reset else "close")


async def test_a_test_can_send_bytes_as_the_server() -> None:
    async with through() as (proxy, echo), await dial(proxy) as stream:
        await stream.send(b"x")
        await stream.receive()
        await proxy.links[0].inject(TEXT)
        assert await exactly(stream, len(TEXT)) == TEXT
    assert echo.heard == b"x"


async def test_each_connection_has_its_own_options_and_their_number_is_bounded() -> None:
    echo = Echo()
    with anyio.fail_after(10):
        async with tcp_server(echo) as port:
            manners = [
                LinkOptions(down=Direction(close_after=1)),
                LinkOptions(down=Direction(close_after=2)),
            ]
            async with Proxy(port, manners, max_links=3) as proxy:
                for n in (1, 2):
                    async with await dial(proxy) as stream:
                        await stream.send(TEXT)
                        assert await to_the_end(stream) == (TEXT[:n], "close")
                await until(lambda: not proxy.live)
                streams = [await dial(proxy) for _ in range(3)]
                await until(lambda: len(proxy.live) == 3)
                async with await dial(proxy) as fourth:
                    assert (await to_the_end(fourth))[0] == b""
                for stream in streams:
                    await stream.aclose()
                await until(lambda: not proxy.live)


async def test_an_absent_server_is_seen_as_a_closed_connection() -> None:
    with kept_port() as port, anyio.fail_after(10):
        async with Proxy(port) as proxy, await dial(proxy) as stream:
            assert (await to_the_end(stream))[0] == b""
