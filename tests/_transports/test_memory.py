"""Memory streams and listeners: they fill up, end and break as sockets do."""

from __future__ import annotations

import math

import anyio
import anyio.lowlevel
import pytest

from aiocapdist._transports.memory import MemoryListener, MemoryStream

from ..support.waiting import until

pytestmark = pytest.mark.anyio


async def take(stream: MemoryStream, n: int) -> bytes:
    """Return exactly ``n`` bytes."""
    got = b""
    while len(got) < n:
        got += await stream.receive(n - len(got))
    return got


async def close(*streams: MemoryStream) -> None:
    for stream in streams:
        await stream.aclose()


async def test_bytes_are_carried_both_ways_in_order() -> None:
    left, right = MemoryStream.pair()
    with anyio.fail_after(5):
        for n in range(10):
            await left.send(b"%d," % n)
            await right.send(b"%d;" % n)
        assert await take(right, 20) == b"0,1,2,3,4,5,6,7,8,9,"
        assert await take(left, 20) == b"0;1;2;3;4;5;6;7;8;9;"
    await close(left, right)


async def test_a_chunk_may_be_read_in_pieces() -> None:
    left, right = MemoryStream.pair()
    with anyio.fail_after(5):
        await left.send(b"0123456789")
        await left.send(b"ab")
        assert await right.receive(4) == b"0123"
        assert await right.receive(4) == b"4567"
        assert await right.receive(4) == b"89"
        assert await right.receive(4) == b"ab"
    await close(left, right)


async def test_sent_bytes_are_copied() -> None:
    left, right = MemoryStream.pair()
    buffer = bytearray(b"before")
    await left.send(buffer)  # type: ignore[arg-type]
    buffer[:] = b"after."
    assert await right.receive() == b"before"
    await close(left, right)


@pytest.mark.parametrize("buffer", [0, 1, 3])
async def test_send_waits_while_the_buffer_is_full(buffer: int) -> None:
    left, right = MemoryStream.pair(buffer)
    sent = 0

    async def send() -> None:
        nonlocal sent
        for n in range(6):
            await left.send(b"%d" % n)
            sent += 1

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(send)
            await until(lambda: sent == buffer)
            for _ in range(10):
                await anyio.lowlevel.checkpoint()
            assert sent == buffer
            assert await right.receive() == b"0"
            await until(lambda: sent == buffer + 1)
            assert await take(right, 5) == b"12345"
        assert sent == 6
    await close(left, right)


async def test_a_waiting_send_can_be_cancelled_and_sends_nothing() -> None:
    left, right = MemoryStream.pair(1)
    await left.send(b"first")
    with anyio.move_on_after(0.01) as scope:
        await left.send(b"second")
    assert scope.cancelled_caught
    assert await right.receive() == b"first"
    await left.send(b"third")
    assert await right.receive() == b"third"
    await close(left, right)


async def test_bytes_sent_before_the_end_can_still_be_read() -> None:
    left, right = MemoryStream.pair()
    await left.send(b"last words")
    await left.send_eof()
    with anyio.fail_after(5):
        assert await right.receive(4) == b"last"
        assert await right.receive() == b" words"
        with pytest.raises(anyio.EndOfStream):
            await right.receive()
        # Only one direction has ended.
        await right.send(b"answer")
        assert await left.receive() == b"answer"
    await close(left, right)


async def test_sending_to_a_closed_peer_raises() -> None:
    left, right = MemoryStream.pair()
    await right.aclose()
    with anyio.fail_after(5):
        with pytest.raises(anyio.BrokenResourceError):
            await left.send(b"anyone?")
        with pytest.raises(anyio.EndOfStream):
            await left.receive()
    await left.aclose()
    with pytest.raises(anyio.ClosedResourceError):
        await left.send(b"me?")
    with pytest.raises(anyio.ClosedResourceError):
        await left.receive()


@pytest.mark.parametrize("buffer", [1, math.inf])
async def test_each_open_makes_a_new_connection(buffer: float) -> None:
    listener = MemoryListener(buffer)
    served = 0

    async def echo(stream: MemoryStream) -> None:
        nonlocal served
        served += 1
        number = b"%d" % served
        async with stream:
            while True:
                try:
                    await stream.send(number + await stream.receive())
                except anyio.EndOfStream:
                    return

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            early = await listener.open()  # before anyone serves: it waits, as in a backlog
            await early.send(b"a")
            group.start_soon(listener.serve, echo)
            assert await early.receive() == b"1a"
            late = await listener.open()
            await late.send(b"b")
            assert await late.receive() == b"2b"
            await listener.aclose()
            with pytest.raises(ConnectionRefusedError, match="nothing listens"):
                await listener.open()
            # Those who are in stay.
            await early.send(b"c")
            assert await early.receive() == b"1c"
            await close(early, late)


async def test_a_listener_that_was_never_served_refuses_once_closed() -> None:
    listener = MemoryListener()
    await listener.aclose()
    with pytest.raises(ConnectionRefusedError):
        await listener.open()


async def test_connections_not_yet_accepted_are_closed_with_the_listener() -> None:
    listener = MemoryListener()
    with anyio.fail_after(5):
        streams = [await listener.open() for _ in range(3)]
        await listener.aclose()
        for stream in streams:
            with pytest.raises(anyio.EndOfStream):
                await stream.receive()
            await stream.aclose()


async def test_a_listener_can_serve_in_the_callers_task_group() -> None:
    listener = MemoryListener()
    met = []

    async def greet(stream: MemoryStream) -> None:
        async with stream:
            met.append(await stream.receive())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(listener.serve, greet, group)
            stream = await listener.open()
            await stream.send(b"hello")
            await until(lambda: met == [b"hello"])
            await close(stream)
            await listener.aclose()
