"""Cancelling, at every await and before every third step of the loop: consistent, usable after."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

import aiocapdist
from aiocapdist.recording import Recording, _sqlite, _store, _worker

from ..support.cancelling import (
    Operation,
    Point,
    Run,
    cancel_scope,
    cancel_task,
    interrupt_everywhere,
)
from ..support.loops import LOOPS
from .making import Change, FakeWatch, everything, figures

pytestmark = pytest.mark.anyio
PAGE = 3
BEFORE = [figures(second=n) for n in range(5)]
LATER = [figures("US.AAPL", 100 + n) for n in range(7)]
WAYS = [
    pytest.param(
        *(point, interrupt, *loop.values),
        id=f"{point.name} {interrupt.__name__} {loop.id}",
        marks=loop.marks,
    )
    for point in Point
    for interrupt in (cancel_scope, cancel_task)
    for loop in LOOPS
    # asyncio's own cancelling, and futures, are asyncio's alone; uvloop's steps are not counted.
    if not (loop.id == "trio" and (interrupt is cancel_task or point is Point.ENDS))
    if not (point is Point.STEP and loop.id == "uvloop")
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory, if there is one: here nothing depends on the disk."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


async def opening(recording: Recording, folder: Path) -> None:
    await recording.aclose()
    await recording.open()


async def adding(recording: Recording, folder: Path) -> None:
    await recording.add(*LATER)


async def following(recording: Recording, folder: Path) -> None:
    await recording.follow(FakeWatch(*(Change(value.code, value) for value in LATER[:4])))


async def reading(recording: Recording, folder: Path) -> None:
    assert (await everything(recording))[: len(BEFORE)] == BEFORE
    await recording.latest()


async def exporting(recording: Recording, folder: Path) -> None:
    await recording.export(folder / "day.csv")


async def closing(recording: Recording, folder: Path) -> None:
    await recording.aclose()


@pytest.mark.parametrize("operation", [opening, adding, following, reading, exporting, closing])
@pytest.mark.parametrize(("point", "interrupt", "anyio_backend"), WAYS)
async def test_cancelled_anywhere_it_is_consistent_and_usable(
    folder: Path,
    operation: Callable[[Recording, Path], Any],
    point: Point,
    interrupt: Callable[[Run], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_store, "PAGE", PAGE)
    monkeypatch.setattr("aiocapdist.recording.recording.PAGE", PAGE)
    path, exports = folder / "day.sqlite", folder / "exports"
    exports.mkdir()
    recording = Recording(path)

    @asynccontextmanager
    async def scene() -> AsyncIterator[Operation]:
        for name in ("day.sqlite", "day.sqlite-wal", "day.sqlite-shm"):
            (folder / name).unlink(missing_ok=True)
        async with recording:
            await recording.add(*BEFORE)
            yield lambda: operation(recording, exports)

    async def check(run: Run) -> None:
        # Closed by the scene. What a thread still does, closing waits for.
        for name in ("-wal", "-shm"):
            assert not path.with_name(path.name + name).exists(), "a connection is still open"
        async with recording:
            values = await everything(recording)
            assert values[: len(BEFORE)] == BEFORE
            added = values[len(BEFORE) :]
            assert added == LATER[: len(added)], "in part, or out of order"
            if operation is adding:
                assert len(added) in (0, PAGE, 2 * PAGE, len(LATER))
            await recording.add(figures("HK.00001", 999))
            assert (await everything(recording))[-1] == figures("HK.00001", 999)
        assert integrity(path) == "ok"
        assert [file.name for file in exports.iterdir()] in ([], ["day.csv"])

    stride = 3 if point is Point.STEP else 1
    assert await interrupt_everywhere(scene, point, interrupt, check, stride=stride) > 0


def integrity(path: Path) -> str:
    """What SQLite itself thinks of the file."""
    connection = sqlite3.connect(path)
    (said,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return str(said)


async def test_waiting_for_a_lock_can_be_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "day.sqlite"
    async with Recording(path) as recording:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with anyio.move_on_after(0.3) as scope, anyio.fail_after(10):
            await recording.add(figures())
        assert scope.cancelled_caught
        other.execute("COMMIT")
        other.close()
        await recording.add(figures(second=1))
        assert await everything(recording) == [figures(second=1)]


async def test_a_lock_held_too_long_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_worker, "PATIENCE", 0.3)
    monkeypatch.setattr(_sqlite, "_LOCK_WAIT", 0.01)
    path = tmp_path / "day.sqlite"
    async with Recording(path) as recording:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(aiocapdist.RecordingError, match="another program keeps it locked"):
            await recording.add(figures())
        assert await everything(recording) == [], "readers do not wait"
        other.execute("COMMIT")
        other.close()
        await recording.add(figures())
