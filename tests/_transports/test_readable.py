"""What has arrived is read before a deadline is handled."""

from __future__ import annotations

import socket
import time

import anyio
import pytest

from aiocapdist._loop import MAX_DEFERRALS, Ticker
from aiocapdist._transports.base import Transport
from aiocapdist._transports.memory import MemoryStream
from aiocapdist._transports.readable import socket_readable
from aiocapdist._transports.stream import StreamTransport
from aiocapdist._transports.tcp import READ_SIZE, TcpConnector

from ..support.waiting import Call, until
from .carried import Carried

pytestmark = pytest.mark.anyio
SIZE = 2_000_000  # bytes: many reads, fewer than MAX_DEFERRALS


def fill_receive_buffer(raw: socket.socket, transport: Transport) -> int:
    """Send until the buffers on the way are full; return the number of bytes. Blocks the loop."""
    raw.setblocking(False)
    sent, stuck = 0, 0
    while sent < SIZE:
        try:
            sent += raw.send(bytes(min(65_536, SIZE - sent)))
            stuck = 0
        except BlockingIOError:
            stuck += 1
            if stuck > 50 and transport.readable():
                break
            time.sleep(0.001)  # on its way through the loopback interface
    return sent


async def test_a_blocked_loop_reads_all_that_arrived_before_a_tick() -> None:
    with anyio.fail_after(10), socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SIZE)
        transport = await TcpConnector(*listener.getsockname()).open(5.0)
        raw, _ = listener.accept()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SIZE)
        carried = Carried(transport)
        unread_at_tick: list[bool] = []
        received_at_tick: list[int] = []

        def tick() -> None:
            unread_at_tick.append(transport.readable())
            received_at_tick.append(len(carried.received))

        due = [float("inf")]
        ticker = Ticker(anyio.current_time, lambda: due[0], tick, busy=transport.readable)
        with raw:
            async with anyio.create_task_group() as group:
                run = Call(group, carried.run)
                ticking = Call(group, ticker.run)
                await until(lambda: ticker.next_due == float("inf"))
                sent = fill_receive_buffer(raw, transport)
                assert sent > 2 * READ_SIZE, "more than one read"
                due[0] = anyio.current_time()
                ticker.poke(due[0])
                await until(lambda: unread_at_tick)
                due[0] = float("inf")
                assert unread_at_tick[0] is False
                assert received_at_tick[0] == sent
                ticking.cancel()
                transport.close()
                await run.end()


async def test_a_peer_that_never_stops_sending_delays_a_tick_by_a_bounded_number_of_turns() -> None:
    turns = 0

    def busy() -> bool:
        nonlocal turns
        turns += 1
        return True

    ticks: list[int] = []
    ticker = Ticker(
        anyio.current_time, lambda: None if ticks else 0.0, lambda: ticks.append(turns), busy
    )
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            call = Call(group, ticker.run)
            await until(lambda: ticks)
            call.cancel()
    assert ticks == [MAX_DEFERRALS]


async def test_a_memory_stream_is_readable_while_it_has_bytes() -> None:
    ours, theirs = MemoryStream.pair()
    transport = StreamTransport(ours)
    assert not transport.readable()
    await theirs.send(b"ab")
    assert transport.readable()
    assert await ours.receive(1) == b"a"
    assert transport.readable()
    assert await ours.receive(1) == b"b"
    assert not transport.readable()
    ours.close()
    theirs.close()


async def test_a_socket_is_readable_while_it_has_bytes_and_not_once_closed() -> None:
    left, right = socket.socketpair()
    with left, right:
        assert not socket_readable(left)
        right.send(b"x")
        assert socket_readable(left)
        left.recv(1)
        assert not socket_readable(left)
    assert not socket_readable(left)


async def test_a_closed_transport_is_not_readable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = await TcpConnector(*listener.getsockname()).open(5.0)
        raw, _ = listener.accept()
        with raw:
            raw.send(b"x")
            await until(transport.readable) if isinstance(transport, StreamTransport) else None
            transport.close()
            with anyio.fail_after(5):
                await Carried(transport).run()
            assert not transport.readable()
