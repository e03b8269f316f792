"""A listener's stream by itself: bounded, in order, and as easily left as entered."""

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


async def test_each_listener_hears_all_from_when_it_began_in_order() -> None:
    feed = EventPublisher()
    early = feed.listen()
    publish(feed, range(3))
    late = feed.listen()
    publish(feed, range(3, 5))
    feed.close()
    assert await rest(early) == [event(n) for n in range(5)]
    assert await rest(late) == [event(3), event(4)]


async def test_a_slow_listener_loses_the_oldest_and_learns_how_many() -> None:
    feed = EventPublisher()
    slow = feed.listen()
    publish(feed, range(KEPT))
    assert await anext(slow) == event(0), "as many as are kept: nothing is lost"
    publish(feed, range(KEPT, KEPT + 11))
    assert len(slow._events) == KEPT
    # Of 1 to KEPT + 10, as many as are kept are the latest KEPT.
    assert await anext(slow) == EventsDropped(count=10)
    assert await anext(slow) == event(11)
    # It is told of each gap at its place, with that gap's own count.
    publish(feed, range(KEPT + 11, KEPT + 17))
    feed.close()
    told = await rest(slow)
    assert told[0] == EventsDropped(count=5)
    assert told[1:] == [event(n) for n in range(17, KEPT + 17)]


async def test_long_notices_push_out_the_oldest_and_one_alone_may_be_of_any_length() -> None:
    feed = EventPublisher()
    slow = feed.listen()
    half = KEPT_BYTES // 2
    feed.publish(event(0), half)
    feed.publish(event(1), half)  # as many as are kept
    feed.publish(event(2))  # what is none of OpenD's notices takes no room
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


async def test_what_one_listener_loses_another_hears() -> None:
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


async def test_after_the_end_there_is_nothing_to_hear() -> None:
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


async def test_two_tasks_on_one_stream_are_told() -> None:
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
    assert heard == [event(0)], "the one that was first hears on"


async def test_closing_a_stream_ends_it_for_whoever_waits_and_for_nobody_else() -> None:
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


async def test_closing_a_stream_drops_what_it_has_not_told() -> None:
    feed = EventPublisher()
    stream = feed.listen()
    publish(feed, range(KEPT + 5))
    async with aclosing(stream):
        assert await anext(stream) == EventsDropped(count=5)
    assert await rest(stream) == []
    assert not stream._events


async def test_a_dropped_stream_costs_nothing_any_more() -> None:
    feed = EventPublisher()
    stream = feed.listen()
    publish(feed, range(2))
    assert listeners(feed) == 1
    del stream
    assert listeners(feed) == 0


async def test_a_stream_whose_loop_was_left_costs_nothing_any_more() -> None:
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
async def test_a_listening_task_that_nobody_holds_lives_on() -> None:
    """asyncio holds its tasks weakly: only what they wait for keeps them."""
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
