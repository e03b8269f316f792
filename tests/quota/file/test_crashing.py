"""Killed at any instruction: no token is lost for longer than a period, and none is free early.

A process does with the file all that a quota does, and says what it sends. It is killed at the
k-th line of the code; then another looks at what is left. Lines between which neither a file nor
what was said changes leave the same: of each such stretch, the first and the last k are tried.
From scale 10 on it is killed at the k-th instruction of the interpreter, for every k there is.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

import pytest

from aiocapdist.quota._core.store import GRACE, Demand
from aiocapdist.quota._file import format as file_format
from aiocapdist.quota._file import ledger_file, opening, owner, section, tokens
from aiocapdist.quota._file import store as file_store
from aiocapdist.quota._file import updater as file_updater
from aiocapdist.quota._file.format import Damaged
from aiocapdist.quota._file.owner import NOBODY, boot_clock
from aiocapdist.quota._file.store import LEASE, FileStore

from ...promises.scale import SCALE, figure
from ..forks import in_a_fork
from .sections import CALL, MARGIN, PERIOD, SPAN, section_at, tally

MODULES = (file_updater, file_store, file_format, ledger_file, opening, owner, section, tokens)
OURS = {module.__file__ for module in MODULES}
EVENT = "opcode" if SCALE >= 10 else "line"
LIMIT = 3
NEVER = 1_000_000
"""A step beyond all there are, however many times a busy machine lets it try again."""
Say: TypeAlias = Callable[[int], object]
"""So many tokens must not be free from now on: their requests may have been sent."""
Life: TypeAlias = Callable[[Path, Say], None]


def at_each_step(do: Callable[[int], object], deeds: Callable[[], object]) -> Callable[[], bool]:
    """Do these deeds, and ``do(k)`` before the ``k``-th step of ours in them."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename not in OURS:
            return None
        frame.f_trace_opcodes = EVENT == "opcode"
        if event == EVENT:
            count += 1
            do(count)
        return trace

    def run() -> bool:
        sys.settrace(trace)
        deeds()
        sys.settrace(None)
        return True

    return run


def store_at(path: Path) -> FileStore:
    return FileStore(path, CALL, LIMIT, PERIOD, MARGIN)


def a_quotas_life(path: Path, say: Say) -> None:
    store = store_at(path)
    store.demand(Demand(eager=1))
    assert store.acquire(2) == 2
    say(2)
    store.advance(time.monotonic())
    say(1)  # one was never written
    store.release()
    store.settle(1, time.monotonic())
    assert store.acquire() == 1
    say(2)
    store.settle(1, time.monotonic(), rejected=True)
    store.close()


def a_life_in_which_the_file_is_deleted(path: Path, say: Say) -> None:
    store = store_at(path)
    assert store.acquire(2) == 2
    say(2)
    store.settle(1, time.monotonic())
    # It says when there is none, so that nobody is told off for that.
    say(0)
    path.unlink()
    store.advance(time.monotonic())
    say(2)
    assert store.acquire() == 0, "the new one is cold"
    store.settle(1, time.monotonic())


COLD = LEASE + SPAN + GRACE
LIVES: dict[Life, float] = {a_quotas_life: SPAN + GRACE, a_life_in_which_the_file_is_deleted: COLD}
"""With the seconds until all is free at the latest."""


def files_in(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_ino, path.read_bytes()) for path in folder.iterdir()}


def steps_that_matter(path: Path, life: Life) -> list[int]:
    """The steps before and after which something is left that was not left before, and NEVER."""
    if SCALE >= 10:
        return [*range(1, 100_000)]
    told = path.with_name("steps")
    path = path.parent / "survey" / path.name
    path.parent.mkdir()

    def survey() -> bool:
        said: list[int] = []
        states: list[Any] = []
        run = at_each_step(
            lambda k: states.append((files_in(path.parent), len(said))),
            lambda: life(path, said.append),
        )
        run()
        changes = [k for k in range(2, len(states) + 1) if states[k - 1] != states[k - 2]]
        told.write_text(repr({1, *changes, *(k - 1 for k in changes), NEVER}))
        return True

    assert in_a_fork(survey) == 0
    return sorted(eval(told.read_text()))


def kill_at(k: int) -> Callable[[int], None]:
    def kill(step: int) -> None:
        if step == k:
            os.kill(os.getpid(), signal.SIGKILL)

    return kill


def left_by(path: Path, k: int, life: Life) -> tuple[int, int]:
    """How a process ended that was to be killed at the k-th step, and what it said last."""
    said, words = os.pipe()
    try:
        deeds = at_each_step(kill_at(k), lambda: life(path, lambda n: os.write(words, bytes([n]))))
        ended = in_a_fork(deeds)
        os.write(words, b"\xff")
        return ended, (b"\0" + os.read(said, 100))[-2]
    finally:
        os.close(said)
        os.close(words)


@pytest.mark.parametrize("life", LIVES, ids=[life.__name__ for life in LIVES])
def test_killed_anywhere_it_leaves_what_it_sent_and_loses_nothing(
    tmp_path: Path, life: Life
) -> None:
    steps = steps_that_matter(tmp_path / "ledger", life)
    assert len(steps) > 20
    for k in steps:
        path = tmp_path / f"ledger {k}"
        began = boot_clock()
        ended, spent = left_by(path, k, life)
        if path.exists():
            free, mine, others, expiring = tally(section_at(path), NOBODY, boot_clock())
            assert (free + others + expiring, mine) == (LIMIT, 0)
            assert LIMIT - free >= spent
        store = store_at(path)
        store.advance(time.monotonic())
        seen, now = section_at(path), boot_clock()
        assert seen.other_owners(store.owner, now) == set(), "nobody is alive"
        assert tally(seen, store.owner, began + SPAN - 0.001)[0] <= LIMIT - spent, "free early"
        assert tally(seen, store.owner, now + LIVES[life])[0] == LIMIT, "lost"
        path.unlink()
        path.with_name(f".{path.name}.made").unlink()
        if ended == 0:
            tried, last = (len(steps) - 1, steps[-2]) if SCALE < 10 else (k - 1, k - 1)
            figure(7, life=life.__name__, killed_at=f"{tried} of {EVENT}s up to {last}")
            assert last > 200
            return
        assert ended == -signal.SIGKILL
    raise AssertionError("it never ended by itself")


def test_killed_anywhere_while_it_mends_a_torn_file_it_never_leaves_one_all_free(
    tmp_path: Path,
) -> None:
    whole = store_at(tmp_path / "whole")
    whole.acquire(3)
    torn = (tmp_path / "whole").read_bytes()[:-7]

    def mend(path: Path, say: Say) -> None:
        store_at(path).advance(time.monotonic())

    def mend_a_torn_one(path: Path, say: Say) -> None:
        path.write_bytes(torn)
        mend(path, say)

    path = tmp_path / "ledger"
    for k in steps_that_matter(path, mend_a_torn_one):
        path.write_bytes(torn)
        began = boot_clock()
        ended, _ = left_by(path, k, mend)
        try:
            left = section_at(path)
        except Damaged:
            assert ended == -signal.SIGKILL
            continue
        assert tally(left, NOBODY, began + COLD)[0] == 0
        assert tally(left, NOBODY, boot_clock() + COLD)[0] == LIMIT
        if ended == 0:
            assert k > 50
            return
    raise AssertionError("it never ended by itself")
