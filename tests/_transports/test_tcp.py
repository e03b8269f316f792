"""TCP on every event loop: order, back pressure, the first bytes and the last."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import SocketAttribute

from aiocapdist._loop import on_asyncio
from aiocapdist._transports.base import Transport
from aiocapdist._transports.tcp import AsyncioTransport, TcpConnector

from ..support.waiting import Call, until
from .carried import Carried, Faulty, leaves

pytestmark = pytest.mark.anyio
SMALL = 4096


class Peer:
    """The other end as a plain socket: a stream of anyio's reads ahead."""

    def __init__(self, raw: socket.socket) -> None:
        raw.setblocking(False)
        self._raw = raw

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return the next bytes; empty at the end."""
        await anyio.wait_readable(self._raw)
        try:
            return self._raw.recv(max_bytes)
        except ConnectionError:
            return b""

    async def take(self, n: int) -> bytes:
        """Return exactly ``n`` bytes."""
        got = b""
        while len(got) < n:
            data = await self.receive(n - len(got))
            assert data, f"it ended after {got[-100:]!r}"
            got += data
        return got

    def send(self, data: bytes) -> None:
        assert self._raw.send(data) == len(data)

    def say_good_bye(self) -> None:
        self._raw.shutdown(socket.SHUT_WR)

    def break_off(self) -> None:
        """Reset the connection."""
        self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._raw.close()


@asynccontextmanager
async def connected(*, buffer: int = 65536) -> AsyncIterator[tuple[Transport, Peer]]:
    with anyio.fail_after(10), socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        transport = await TcpConnector(*listener.getsockname()).open(5.0)
        await anyio.wait_readable(listener)
        raw, _ = listener.accept()
        with raw:
            yield transport, Peer(raw)


def squeeze(transport: Transport) -> None:
    """Make all buffers on the way small."""
    if isinstance(transport, AsyncioTransport):
        transport._transport.set_write_buffer_limits(high=SMALL)
        raw = transport._transport.get_extra_info("socket")
    else:
        raw = transport._stream.extra(SocketAttribute.raw_socket)  # type: ignore[attr-defined]
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)


async def fill(carried: Carried, size: int = 5000) -> list[bytes]:
    """Send until nothing more is fetched; return all messages, the unfetched one too."""
    messages: list[bytes] = []
    while not carried.waiting:
        messages.append(b"%09d" % len(messages) * (size // 9))
        carried.send(messages[-1])
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
    return messages


async def test_everything_arrives_in_order_when_the_peer_reads_late() -> None:
    async with connected(buffer=SMALL) as (transport, peer), anyio.create_task_group() as group:
        squeeze(transport)
        carried = Carried(transport)
        run = Call(group, carried.run)
        messages = await fill(carried)
        assert len(messages) > 1
        later = [b"later %03d" % n for n in range(500)]
        for message in later:
            carried.send(message)
        assert len(carried.waiting) == 501, "the writer fetches nothing it cannot write"
        peer.send(b"reading goes on")
        await until(lambda: carried.received == b"reading goes on")
        expected = b"".join(messages + later)
        assert await peer.take(len(expected)) == expected
        assert not carried.waiting
        transport.close()
        await run.end()


async def test_bytes_received_before_run_come_first() -> None:
    async with connected() as (transport, peer), anyio.create_task_group() as group:
        peer.send(b"early, ")
        if isinstance(transport, AsyncioTransport):
            await until(lambda: transport._early)
        carried = Carried(transport)
        run = Call(group, carried.run)
        peer.send(b"late")
        await until(lambda: carried.received == b"early, late")
        transport.close()
        await run.end()


async def test_a_transport_closed_before_run_ends_at_once() -> None:
    async with connected() as (transport, peer):
        transport.close()
        carried = Carried(transport)
        carried.send(b"too late")
        assert await carried.run() is None
        assert carried.waiting == [b"too late"]
        assert await peer.receive() == b""


async def test_a_close_by_the_peer_is_a_clean_end() -> None:
    async with connected() as (transport, peer):
        carried = Carried(transport)
        peer.send(b"good-bye")
        peer.say_good_bye()
        assert await carried.run() is None
        assert carried.received == b"good-bye"


@pytest.mark.parametrize("writing", [False, True], ids=["idle", "mid-write"])
async def test_a_reset_is_reported_as_the_operating_systems_error(writing: bool) -> None:
    async with connected(buffer=SMALL) as (transport, peer), anyio.create_task_group() as group:
        squeeze(transport)
        carried = Carried(transport)
        run = Call(group, carried.run)
        if writing:
            await fill(carried)
        peer.break_off()
        assert isinstance(await run.value(), ConnectionError)
        unfetched = len(carried.waiting)
        carried.send(b"nobody hears this")
        await anyio.lowlevel.checkpoint()
        assert len(carried.waiting) == unfetched + 1


async def test_closing_during_a_write_does_not_wait_for_the_peer() -> None:
    async with connected(buffer=SMALL) as (transport, _), anyio.create_task_group() as group:
        squeeze(transport)
        carried = Carried(transport)
        run = Call(group, carried.run)
        await fill(carried)
        transport.close()
        assert await run.value() is None


async def test_cancelling_closes_the_connection() -> None:
    async with connected() as (transport, peer), anyio.create_task_group() as group:
        carried = Carried(transport)
        run = Call(group, carried.run)
        await anyio.lowlevel.checkpoint()
        run.cancel()
        await run.end()
        assert run.cancelled
        assert await peer.receive() == b""


@pytest.mark.parametrize("receives", [False, True], ids=["in data_to_send", "in receive"])
@pytest.mark.parametrize("early", [False, True], ids=["late", "early"])
async def test_an_exception_of_a_callback_closes_the_connection_and_is_raised(
    receives: bool, early: bool
) -> None:
    async with connected() as (transport, peer):
        peer.send(b"hello")
        if early and isinstance(transport, AsyncioTransport):
            await until(lambda: transport._early)
        with pytest.raises((ZeroDivisionError, ExceptionGroup)) as caught:
            await Faulty(transport, receives=receives).run()
        assert leaves(caught.value) == [ZeroDivisionError]
        if isinstance(transport, AsyncioTransport):
            assert transport._transport.is_closing()
        assert await peer.receive() == b""


async def test_messages_of_one_turn_of_the_loop_are_written_together() -> None:
    if not on_asyncio():
        return  # elsewhere a task writes, when its turn comes
    async with connected() as (transport, peer), anyio.create_task_group() as group:
        carried = Carried(transport)
        run = Call(group, carried.run)
        await anyio.lowlevel.checkpoint()
        carried.send(b"a", immediately=True)
        assert carried.fetches == [[b"a"]]
        carried.send(b"b")
        carried.send(b"c")
        assert carried.fetches == [[b"a"]]
        assert await peer.take(3) == b"abc"
        assert carried.fetches == [[b"a"], [b"b", b"c"]]
        carried.send(b"d")
        carried.send(b"e", immediately=True)
        assert carried.fetches[2:] == [[b"d", b"e"]], "in order, whatever was in a hurry"
        assert await peer.take(2) == b"de"
        transport.close()
        await run.end()


def test_connections_of_one_loop_read_into_one_buffer_and_no_other_loop_does() -> None:
    async def buffers() -> list[object]:
        return [AsyncioTransport().get_buffer(-1).obj for _ in range(2)]

    (first, second), (other, _) = asyncio.run(buffers()), asyncio.run(buffers())
    assert first is second
    assert other is not first
