"""Row 26 of the promises: a ledger that is deleted, moved, restored, emptied or swapped while it
is used lets nothing through twice.

Programs of one machine, whose clock is moved by hand, spend from one file. Then something is
done to the file, and the next to act is a program that was idle meanwhile, one that has waited
all the time, or one that has just started. OpenD counts each request at the worst moment it may.
At scale 1: 4 seeds of each; the soak's, at 50, are 200.
"""

from __future__ import annotations

import random
import sys
import time
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

if sys.platform == "win32":
    pytest.skip("there is no FileQuota on Windows", allow_module_level=True)

from aiocapdist import QuotaUnavailable
from aiocapdist.quota._core.scheduler import Scheduler
from aiocapdist.quota._file.ledger_file import TOLERANCE

from ..quota.file.machine import Machine
from ..quota.stubs import Asking
from .scale import figure, scaled

LIMIT, PERIOD = 30, 30.0
SEEDS = scaled(4)
MINUTES = 5.0  # that are watched after the deed
Deed: TypeAlias = Callable[[Path, bytes], None]
"""Done to the ledger at this path, of which there is an older copy."""


def deleted(path: Path, copy: bytes) -> None:
    path.unlink()


def moved(path: Path, copy: bytes) -> None:
    path.rename(path.with_name("elsewhere"))


def moved_and_brought_back(path: Path, copy: bytes) -> None:
    path.rename(path.with_name("elsewhere"))
    path.with_name("elsewhere").rename(path)


def restored_in_place(path: Path, copy: bytes) -> None:
    path.write_bytes(copy)


def restored_by_its_name(path: Path, copy: bytes) -> None:
    path.with_name("copy").write_bytes(copy)
    path.with_name("copy").rename(path)


def emptied(path: Path, copy: bytes) -> None:
    path.write_bytes(b"")


def emptied_and_deleted(path: Path, copy: bytes) -> None:
    path.write_bytes(b"")
    path.unlink()


def overwritten(path: Path, copy: bytes) -> None:
    path.write_text("my diary\n" * 500)


def cut_off(path: Path, copy: bytes) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def swapped_for_another(path: Path, copy: bytes) -> None:
    path.with_name("other").rename(path)


DEEDS: list[Deed] = [
    *(deleted, moved, moved_and_brought_back, restored_in_place, restored_by_its_name),
    *(emptied, emptied_and_deleted, overwritten, cut_off, swapped_for_another),
]


class Program:
    """One that shares the ledger, and what it has in flight."""

    def __init__(self, machine: Machine, drawn: random.Random) -> None:
        self.machine = machine
        self.drawn = drawn
        self.quota: Scheduler = machine.quota(LIMIT, PERIOD)
        self.place = Asking(self.quota)
        self.in_flight: list[float] = []
        self.counted: list[float] = []

    def pump(self) -> None:
        before = self.place.granted
        self.quota.pump()
        self.in_flight += [self.machine.now] * (self.place.granted - before)

    def reply(self, count: int) -> None:
        """Let replies come; OpenD counted at some moment since the sending."""
        for _ in range(min(count, len(self.in_flight))):
            sent = self.in_flight.pop(0)
            share = self.drawn.choice([0.0, 1.0, self.drawn.random()])
            self.counted.append(sent + share * (self.machine.now - sent))
            self.quota.replied(self.machine.now)
        self.pump()


def live(machine: Machine, programs: list[Program], seconds: float, drawn: random.Random) -> None:
    """Let the programs ask, be answered, and do what is due, for so long."""
    end = machine.now + seconds
    while machine.now < end:
        for program in programs:
            if program.place.waiting < 5 and drawn.random() < 0.7:
                program.place.ask(drawn.randint(1, 40))
            program.pump()
            if drawn.random() < 0.8:
                program.reply(drawn.randint(1, 40))
        due = min((at for p in programs if (at := p.quota.next_due()) is not None), default=end)
        step = drawn.choice([0.01, 0.3, 2.0])
        machine.now = min(end, max(machine.now + 0.002, min(due, machine.now + step)))


def largest_window(moments: list[float]) -> int:
    moments = sorted(moments)
    return max(bisect_right(moments, first + PERIOD) - n for n, first in enumerate(moments))


def run(folder: Path, deed: Deed, who: str, seed: int) -> tuple[int, int, int]:
    """The largest window, and how many were counted before the deed and after it."""
    drawn = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        machine = Machine(folder / "ledger", patch)
        other = Machine.quota(machine, LIMIT, PERIOD)  # whose file will be swapped in
        other.detach(other.listeners[0])
        machine.path.rename(folder / "other")
        machine.path.with_name(".ledger.made").unlink()
        programs = [Program(machine, drawn) for _ in range(3)]
        idle = programs[0]
        live(machine, programs, drawn.uniform(0.0, 40.0), drawn)
        idle.place.ask(-idle.place.waiting)
        idle.reply(1000)
        copy = machine.path.read_bytes()
        live(machine, programs[1:], drawn.uniform(20.0, 45.0), drawn)
        before = sum(len(program.counted) for program in programs)
        time.sleep(2 * TOLERANCE)  # of the file system's clock, by which older copies are known
        deed(machine.path, copy)
        first = idle if who == "idle" else programs[1]
        if who == "fresh":
            try:
                first = Program(machine, drawn)
            except QuotaUnavailable:  # it does not even begin
                first = programs[2]
            else:
                programs.append(first)
        first.place.ask(100)
        first.pump()
        live(machine, [first], 1.0, drawn)
        live(machine, programs, MINUTES * 60.0, drawn)
        for program in programs:
            program.reply(1000)
        counted = [moment for program in programs for moment in program.counted]
        for program in programs:
            machine.kill(program.quota)
    return largest_window(counted), before, len(counted) - before


@pytest.mark.parametrize("who", ["idle", "busy", "fresh"])
@pytest.mark.parametrize("deed", DEEDS, ids=[deed.__name__ for deed in DEEDS])
def test_nothing_goes_through_twice(tmp_path: Path, deed: Deed, who: str) -> None:
    largest = after = 0
    for seed in range(SEEDS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        window, before, later = run(folder, deed, who, seed)
        assert window <= LIMIT, f"seed {seed}"
        assert before > LIMIT / 2, "hardly anything was spent: it shows nothing"
        largest, after = max(largest, window), after + later
    figure(26, deed=deed.__name__, first=who, seeds=SEEDS, largest_window=largest)
    assert largest == LIMIT
    # Each of these deeds, even moving a ledger and bringing it back, changes when the file system
    # says that it was last written: no token is granted until all that were spent have expired.
    usable = deed not in {emptied, overwritten}
    assert (after > SEEDS * LIMIT * 4) is usable
