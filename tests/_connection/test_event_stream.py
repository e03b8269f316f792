"""Streams of events: bounded, in order, removed when dropped."""

from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing
from functools import partial

import anyio
import pytest

from aiocapdist import EventsDropped, EventStream, Reconnecting
from aiocapdist._connection.event_stream import KEPT, KEPT_BYTES, EventPublisher
from aiocapdist.events import Event

from ..support.waiting import until

pytestmark = pytest.mark.anyio


def event(n: int) -> Reconnecting:
    """One event that can be told from others."""
    return Reconnecting(delay=0.0, attempt=n)


def publish(feed: EventPublisher, numbers: range) -> None:
    for n in numbers:
        feed.publish(event(n))


async def rest(stream: EventStream) -> list[Event]:
    return [event async for event in stream]


async def read(stream: EventStream, into: list[Event]) -> None:
    async for one in stream:
        into.append(one)


def listeners(feed: EventPublisher) -> int:
    gc.collect()
    return len(feed._streams)


async def test_a_listener_gets_all_events_from_its_start_in_order() -> None:
    feed = EventPublisher()
    early = feed.listen()
    publish(feed, range(3))
    late = feed.listen()
    publish(feed, range(3, 5))
    feed.close()
    assert await rest(early) == [event(n) for n in range(5)]
    assert await rest(late) == [event(3), event(4)]


async def test_a_slow_listener_loses_the_oldest_events_and_gets_their_number() -> None:
    feed = EventPublisher()
    slow = feed.listen()
    publish(feed, range(KEPT))
    assert await anext(slow) == event(0), "nothing is dropped yet"
    publish(feed, range(KEPT, KEPT + 11))
    assert len(slow._events) == KEPT
    assert await anext(slow) == EventsDropped(count=10)
    assert await anext(slow) == event(11)
    # Each gap is reported in its place, with its own count.
    publish(feed, range(KEPT + 11, KEPT + 17))
    feed.close()
    told = await rest(slow)
    assert told[0] == EventsDropped(count=5)
    assert told[1:] == [event(n) for n in range(17, KEPT + 17)]


async def test_the_total_size_of_notices_is_bounded_but_one_alone_may_be_larger() -> None:
    feed = EventPublisher()
    slow = feed.listen()
    half = KEPT_BYTES // 2
    feed.publish(event(0), half)
    feed.publish(event(1), half)  # as much as is kept
    feed.publish(event(2))  # an event that is no notice has no size
    feed.publish(event(3), 1)
    assert [await anext(slow) for _ in range(4)] == [
        EventsDropped(count=1),
        event(1),
        event(2),
        event(3),
    ]
    feed.publish(event(4), half)
    feed.publish(event(5), 2 * KEPT_BYTES)
    feed.close()
    assert await rest(slow) == [EventsDropped(count=1), event(5)]


async def test_a_slow_listener_does_not_affect_others() -> None:
    feed, heard = EventPublisher(), list[Event]()
    slow, quick = feed.listen(), feed.listen()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(read, quick, heard)
            for n in range(3 * KEPT):
                feed.publish(event(n))
                await until(partial(lambda n: len(heard) == n + 1, n))
            feed.close()
    assert heard == [event(n) for n in range(3 * KEPT)]
    assert (await anext(slow)) == EventsDropped(count=2 * KEPT)


async def test_a_waiting_listener_is_woken_by_an_event_and_by_the_end() -> None:
    feed, heard = EventPublisher(), list[Event]()
    stream = feed.listen()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(read, stream, heard)
            await until(lambda: stream._waiter)
            publish(feed, range(2))
            await until(lambda: len(heard) == 2 and stream._waiter)
            feed.close()
    assert heard == [event(0), event(1)]


async def test_a_stream_of_a_closed_client_is_empty() -> None:
    feed = EventPublisher()
    stream = feed.listen()
    feed.close()
    feed.publish(event(1))
    assert await rest(stream) == []
    assert await rest(stream) == []
    assert await rest(feed.listen()) == []


@pytest.mark.parametrize("woken_first", [True, False])
async def test_a_cancelled_wait_loses_no_event(woken_first: bool) -> None:
    feed = EventPublisher()
    stream = feed.listen()
    with anyio.fail_after(5):
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                heard = list[Event]()
                group.start_soon(read, stream, heard)
                await until(lambda: stream._waiter)
                if woken_first:
                    feed.publish(event(7))
                scope.cancel()
                if not woken_first:
                    feed.publish(event(7))
        assert stream._waiter is None
        assert (heard or [await anext(stream)]) == [event(7)]
        feed.publish(event(8))
        assert await anext(stream) == event(8)


async def test_two_tasks_reading_one_stream_is_an_error() -> None:
    feed, heard = EventPublisher(), list[Event]()
    stream = feed.listen()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(read, stream, heard)
            await until(lambda: stream._waiter)
            with pytest.raises(RuntimeError, match=r"call client\.events\(\) for each"):
                await anext(stream)
            publish(feed, range(1))
            feed.close()
    assert heard == [event(0)], "the first reader goes on"


async def test_closing_a_stream_ends_its_reader_and_no_other() -> None:
    feed, heard = EventPublisher(), list[Event]()
    closed, other = feed.listen(), feed.listen()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(read, closed, heard)
            await until(lambda: closed._waiter)
            await closed.aclose()
        feed.publish(event(1))
        await closed.aclose()
        assert (heard, await rest(closed)) == ([], [])
        assert await anext(other) == event(1)


async def test_closing_a_stream_drops_its_unread_events() -> None:
    feed = EventPublisher()
    stream = feed.listen()
    publish(feed, range(KEPT + 5))
    async with aclosing(stream):
        assert await anext(stream) == EventsDropped(count=5)
    assert await rest(stream) == []
    assert not stream._events


async def test_a_dropped_stream_is_removed() -> None:
    feed = EventPublisher()
    stream = feed.listen()
    publish(feed, range(2))
    assert listeners(feed) == 1
    del stream
    assert listeners(feed) == 0


async def test_a_stream_is_removed_when_its_for_loop_is_left() -> None:
    feed = EventPublisher()

    async def first() -> Event:
        stream = feed.listen()
        publish(feed, range(2))
        async for one in stream:
            return one
        raise AssertionError("there were two")

    assert await first() == event(0)
    assert listeners(feed) == 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_listening_task_without_references_stays_alive() -> None:
    """asyncio keeps weak references to tasks: what a task waits for must keep it alive."""
    feed, heard = EventPublisher(), list[Event]()

    async def listen() -> None:
        async for one in feed.listen():
            heard.append(one)

    with anyio.fail_after(5):
        asyncio.get_running_loop().create_task(listen())
        await until(lambda: any(vars(stream)["_waiter"] for stream in list(feed._streams)))
        assert listeners(feed) == 1
        feed.publish(event(1))
        await until(lambda: heard)
        feed.close()
        await until(lambda: listeners(feed) == 0)
