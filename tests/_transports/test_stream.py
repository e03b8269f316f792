"""The transport over a byte stream: which bytes were sent, how it ends."""

from __future__ import annotations

import errno
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from aiocapdist._transports.memory import MemoryStream
from aiocapdist._transports.stream import StreamConnector, StreamTransport

from ..support.waiting import Call, until
from .carried import Carried, Faulty, leaves

pytestmark = pytest.mark.anyio


class Breaking(MemoryStream):
    """A stream whose reads or writes fail on request."""

    def __init__(self, *ends: Any) -> None:
        super().__init__(*ends)
        self.reading: BaseException | None = None
        self.writing: BaseException | None = None
        self.closed = 0

    async def receive(self, max_bytes: int = 65536) -> bytes:
        if self.reading is not None:
            raise self.reading
        return await super().receive(max_bytes)

    async def send(self, item: bytes) -> None:
        if self.writing is not None:
            raise self.writing
        await super().send(item)

    async def aclose(self) -> None:
        self.closed += 1
        await super().aclose()


async def test_bytes_are_carried_both_ways_until_the_peer_closes() -> None:
    mine, theirs = Breaking.pair()
    carried = Carried(StreamTransport(mine))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            run = Call(group, carried.run)
            carried.send(b"one", b"two")
            assert await theirs.receive() == b"onetwo", "what is there goes in one write"
            carried.send(b"three")
            assert await theirs.receive() == b"three"
            await theirs.send(b"answer")
            await until(lambda: carried.received == b"answer")
            await theirs.send(b", and good-bye")
            await theirs.aclose()
            assert await run.value() is None, "a clean end has no cause"
    assert carried.received == b"answer, and good-bye"
    assert mine.closed


async def test_messages_queued_before_run_are_sent_by_run() -> None:
    mine, theirs = Breaking.pair()
    carried = Carried(transport := StreamTransport(mine))
    carried.send(b"early")
    assert carried.waiting == [b"early"]
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            run = Call(group, carried.run)
            assert await theirs.receive() == b"early"
            transport.close()
            await run.end()
    await theirs.aclose()


async def test_nothing_more_is_fetched_while_the_peer_does_not_read() -> None:
    """A message that was not fetched was not sent, and may be sent elsewhere."""
    mine, theirs = Breaking.pair(1)
    carried = Carried(transport := StreamTransport(mine))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            run = Call(group, carried.run)
            for n in range(2):
                carried.send(b"%d" % n)
                await until(lambda: not carried.waiting)
            carried.send(b"2")
            carried.send(b"3")
            for _ in range(10):
                await anyio.lowlevel.checkpoint()
            assert carried.fetched == [b"0", b"1"]
            assert carried.waiting == [b"2", b"3"]
            # Reading goes on meanwhile: it never waits for writing.
            await theirs.send(b"unasked")
            await until(lambda: carried.received == b"unasked")
            assert [await theirs.receive() for _ in range(3)] == [b"0", b"1", b"23"]
            transport.close()
            await run.end()
    await theirs.aclose()


RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


def wrapped(cause: BaseException) -> BaseException:
    error = anyio.BrokenResourceError()
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("way", ["reading", "writing"])
@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (RESET, RESET),
        (wrapped(RESET), RESET),
        (broken := anyio.BrokenResourceError(), broken),
        (odd := wrapped(ValueError("not the system's")), odd),
        (closed := anyio.ClosedResourceError(), closed),
    ],
    ids=["system's", "wrapped", "bare", "wrapped otherwise", "closed"],
)
async def test_the_error_of_a_broken_stream_is_the_operating_systems_if_there_is_one(
    way: str, error: BaseException, cause: BaseException
) -> None:
    mine, theirs = Breaking.pair()
    carried = Carried(StreamTransport(mine))
    setattr(mine, way, error)
    carried.send(b"hello")
    with anyio.fail_after(5):
        assert await carried.run() is cause
    assert mine.closed
    await theirs.aclose()


@pytest.mark.parametrize("when", ["before", "during"])
async def test_closing_does_not_wait_for_unsent_bytes(when: str) -> None:
    mine, theirs = Breaking.pair(0)
    carried = Carried(transport := StreamTransport(mine))
    carried.send(b"nobody reads this")
    if when == "before":
        transport.close()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            run = Call(group, carried.run)
            if when == "during":
                await until(lambda: carried.fetched)
            transport.close()
            assert await run.value() is None
    assert mine.closed
    with pytest.raises(anyio.EndOfStream):
        await theirs.receive()
    await theirs.aclose()


async def test_cancelling_closes_the_stream() -> None:
    mine, theirs = Breaking.pair()
    carried = Carried(StreamTransport(mine))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            run = Call(group, carried.run)
            await anyio.lowlevel.checkpoint()
            run.cancel()
            await run.end()
            assert run.cancelled
    assert mine.closed
    await theirs.aclose()


@pytest.mark.parametrize("receives", [False, True], ids=["in data_to_send", "in receive"])
async def test_an_exception_of_a_callback_closes_the_stream_and_is_raised(receives: bool) -> None:
    mine, theirs = Breaking.pair()
    carried = Faulty(StreamTransport(mine), receives=receives)
    await theirs.send(b"hello")
    with anyio.fail_after(5), pytest.raises((ZeroDivisionError, ExceptionGroup)) as caught:
        await carried.run()
    assert leaves(caught.value) == [ZeroDivisionError]
    assert mine.closed
    with pytest.raises(anyio.EndOfStream):
        await theirs.receive()
    await theirs.aclose()


async def test_a_connector_opens_a_new_stream_each_time() -> None:
    made: list[MemoryStream] = []

    async def opener() -> MemoryStream:
        if len(made) == 4:
            raise ConnectionRefusedError("nobody listens")
        made.extend(MemoryStream.pair())
        return made[-2]

    connector = StreamConnector("memory", opener)
    assert (connector.scheme, connector.host, connector.port) == ("memory", "memory", 0)
    for n in (2, 4):
        carried = Carried(await connector.open(5.0))
        assert len(made) == n
        await made[-1].send(b"hello")
        await made[-1].aclose()
        with anyio.fail_after(5):
            assert await carried.run() is None
        assert carried.received == b"hello"
    with pytest.raises(ConnectionRefusedError):
        await connector.open(5.0)
