"""Numbers, what is kept, and one slot for each code and reader."""

from __future__ import annotations

import json
import re
from typing import Any

import anyio
import pytest

from aiocapdist.web import _feed
from aiocapdist.web._feed import Feed, FeedReader, TooManyReaders
from aiocapdist.web._json import encode

pytestmark = pytest.mark.anyio


def parsed(data: bytes) -> list[tuple[str, Any, str | None]]:
    """Return kind, data and id of each event."""
    found = []
    for block in data.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((fields["event"], json.loads(fields["data"]), fields.get("id")))
    return found


async def read_all(reader: FeedReader) -> list[tuple[str, Any, str | None]]:
    """Return all events that wait."""
    found: list[tuple[str, Any, str | None]] = []
    with anyio.move_on_after(0):
        while True:
            found += parsed(await reader.read())
    return found


def changes(events: list[tuple[str, Any, str | None]]) -> list[tuple[str, int]]:
    return [(data["code"], data["n"]) for kind, data, _ in events if kind == "change"]


def fill(feed: Feed, *items: tuple[str, int]) -> None:
    for code, n in items:
        feed.publish(code, {"code": code, "n": n})


async def test_a_reader_gets_the_whole_picture_then_what_changes() -> None:
    feed = Feed({"codes": ["A", "B"]})
    fill(feed, ("A", 1), ("B", 2), ("A", 3))
    feed.tell_status({"state": "ready"})
    reader = feed.open(None)
    first, *others = await read_all(reader)
    assert first == ("watch", {"codes": ["A", "B"], "resumed": False}, None)
    assert changes(others) == [("B", 2), ("A", 3)]
    assert others[-1] == ("status", {"state": "ready"}, None)
    fill(feed, ("B", 4))
    assert changes(await read_all(reader)) == [("B", 4)]


async def test_an_error_comes_after_the_figures_before_it_and_ends_with_new_ones() -> None:
    feed = Feed({})
    fill(feed, ("A", 1))
    feed.publish("A", {"code": "A", "error": {"type": "UnknownSecurity"}})
    events = await read_all(feed.open(None))
    assert [("error" in data) for kind, data, _ in events if kind == "change"] == [False, True]
    fill(feed, ("A", 2))
    assert changes(await read_all(feed.open(None))) == [("A", 2)]


async def test_coming_back_goes_on_without_a_gap() -> None:
    """Also those that a slow reader would not have got one by one."""
    feed = Feed({})
    fill(feed, ("A", 1), ("B", 2))
    last = (await read_all(feed.open(None)))[-1][2]
    fill(feed, ("A", 3), ("A", 4), ("B", 5))
    first, *others = await read_all(feed.open(last))
    assert first[1]["resumed"] is True
    assert changes(others) == [("A", 3), ("A", 4), ("B", 5)]
    newest = others[-1][2]
    assert changes(await read_all(feed.open(newest))) == []


@pytest.mark.parametrize("read", [0, 1, 2, 3])
async def test_no_id_skips_what_a_reader_has_not_had(read: int) -> None:
    """A slot that is replaced goes to the end: else a later number would hide an earlier one."""
    feed = Feed({})
    fill(feed, ("A", 1), ("B", 2), ("C", 3))
    reader = feed.open((await read_all(feed.open(None)))[-1][2])
    await reader.read()
    fill(feed, ("A", 4), ("B", 5), ("A", 6), ("C", 7))
    had = parsed(await reader.read())[:read]
    came_back = feed.open(had[-1][2] if had else None)
    later = changes(await read_all(came_back))
    assert {**dict(changes(had)), **dict(later)} == {"A": 6, "B": 5, "C": 7}


@pytest.mark.parametrize(
    "last_id", [None, "", "x", "-", "5", "00000000-1", "{epoch}-", "{epoch}-x", "{epoch}--1",
                "{epoch}-9", "{epoch}-1", "{epoch}-" + "9" * 5000, "{epoch}-³"]
)  # fmt: skip
async def test_what_is_not_kept_any_more_or_was_never_told_gives_the_whole_picture(
    last_id: str | None,
) -> None:
    feed = Feed({}, kept=3)
    fill(feed, ("A", 1), ("B", 2), ("A", 3), ("B", 4), ("B", 5), ("B", 6))
    newest = (await read_all(feed.open(None)))[-1][2]
    assert newest is not None
    epoch = newest.partition("-")[0]
    reader = feed.open(None if last_id is None else last_id.replace("{epoch}", epoch))
    first, *others = await read_all(reader)
    assert first[1]["resumed"] is False
    assert changes(others) == [("A", 3), ("B", 6)]
    # The oldest that is kept is the fourth: with the third one nothing is missing.
    resumed = await read_all(feed.open(f"{epoch}-3"))
    assert (resumed[0][1]["resumed"], changes(resumed)) == (True, [("B", 4), ("B", 5), ("B", 6)])


async def test_ids_of_another_process_are_not_taken_for_ours() -> None:
    before, after = Feed({}), Feed({})
    fill(before, ("A", 1))
    fill(after, ("A", 8), ("B", 9))
    last = (await read_all(before.open(None)))[-1][2]
    events = await read_all(after.open(last))
    assert events[0][1]["resumed"] is False
    assert changes(events) == [("A", 8), ("B", 9)]


async def test_a_slow_reader_gets_the_latest_of_each_code_and_fills_no_memory() -> None:
    feed = Feed({}, kept=10)
    slow = feed.open(None)
    await slow.read()
    for n in range(10_000):
        fill(feed, (f"HK.{n % 7:05d}", n))
        feed.tell_status({"n": n})
    events = await read_all(slow)
    assert changes(events) == [(f"HK.{n % 7:05d}", n) for n in range(9993, 10_000)]
    assert len(events) == 8
    assert feed.replaced == 20_000 - 8


async def test_a_long_backlog_comes_in_pieces() -> None:
    feed = Feed({})
    fill(feed, *((f"HK.{n:05d}", n) for n in range(200)))
    reader = feed.open(None)
    sizes = [len(parsed(await reader.read())) for _ in range(26)]
    assert sizes == [8] * 25 + [1]


async def test_closing_ends_readers_that_wait_and_those_to_come() -> None:
    feed = Feed({})
    reader = feed.open(None)
    await reader.read()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:

            async def wait() -> None:
                assert await reader.read() == b""

            group.start_soon(wait)
            await anyio.lowlevel.checkpoint()
            feed.close()
        assert await feed.open(None).read() == b""
    assert feed.readers == set()


async def test_the_number_of_readers_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_feed, "MAX_READERS", 2)
    feed = Feed({})
    first, _ = feed.open(None), feed.open(None)
    with pytest.raises(TooManyReaders):
        feed.open(None)
    first.end()
    feed.open(None)


def test_json_is_printable_ascii_on_one_line() -> None:
    text = encode({"a": "\x1b[2J\r\n\u2028\u202e\x7f\ud800<script>"})
    assert re.fullmatch(r"[ -~]*", text)
    assert json.loads(text) == {"a": "\x1b[2J\r\n\u2028\u202e\x7f\ud800<script>"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode(float("nan"))
