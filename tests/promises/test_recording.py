"""Row 35 of the promises: a recording loses at most what was being written.

Programs record as fast as they can and are killed at random, alone or two at a time on one
recording, while others read it; and the disk is full. At scale 1 there are 24 kills for each
database, the soak's are 1,000.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import pytest

from aiocapdist import RecordingError
from aiocapdist.recording import Recording

from ..recording.servers import execute, needs_postgres, new_schema, running
from .recorder import UNDATED, numbers
from .scale import figure, scaled

if sys.platform == "win32":
    pytest.skip("there is no kill -9 on Windows", allow_module_level=True)

ROOT = Path(__file__).parents[2]
KILLS = scaled(24)
ROUNDS_OF_ONE_RECORDING = 6
CODES = ("HK.00700", UNDATED)
COMMAND = [sys.executable, "-m", "tests.promises.recorder"]


class Writer:
    """A program that records one code, and what it is known to have kept."""

    def __init__(
        self, server: subprocess.Popen[str], where: str, code: str, confirmed: Path
    ) -> None:
        self.code = code
        self._server = server
        self._where = where
        self._confirmed = confirmed
        self._first = 0
        self._pid = 0

    def start(self) -> None:
        """Begin with the number after the last one that is there."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        order = (self._where, self.code, str(self._first), str(self._confirmed))
        self._server.stdin.write("\t".join(order) + "\n")
        self._server.stdin.flush()
        self._pid = int(self._server.stdout.readline())

    def kept(self) -> int:
        """Number of snapshots whose add() has returned."""
        with suppress(FileNotFoundError):
            lines = self._confirmed.read_text().splitlines()
            return int(lines[-1]) + 1 if lines else 0
        return 0

    def wait_for(self, count: int) -> None:
        """Wait until it has recorded ``count`` more."""
        while self.kept() < self._first + count:
            time.sleep(0.002)

    def kill(self) -> None:
        """In whatever it is doing. Wait until it has gone."""
        os.kill(self._pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            for _ in range(20_000):
                os.kill(self._pid, 0)
                time.sleep(0.0005)

    def check(self, found: list[int]) -> int:
        """All that was kept is there, once each, and at most the snapshot being written."""
        kept = self.kept()
        assert found == list(range(len(found))), "lost, or twice, or out of order"
        assert kept <= len(found) <= kept + 1
        self._first = len(found)
        return len(found) - kept


@contextmanager
def fork_server() -> Iterator[subprocess.Popen[str]]:
    """What starts programs that record."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*COMMAND, "fork"], cwd=ROOT, stdin=pipe, stdout=pipe, text=True, start_new_session=True
    ) as server:
        try:
            yield server
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def read(where: str) -> dict[str, list[int]]:
    """The numbers of each code that another program finds."""

    async def main() -> dict[str, list[int]]:
        async with Recording(where) as recording:
            return {code: await numbers(recording, code) for code in CODES}

    return anyio.run(main)


def read_in_the_middle(where: str, kept: dict[str, int]) -> None:
    """A reader beside the writers finds what was kept before, in order."""

    async def main() -> None:
        try:
            async with Recording(where, read_only=True) as recording:
                for code in CODES:
                    found = await numbers(recording, code)
                    assert found == list(range(len(found)))
                    assert len(found) >= kept[code]
        except RecordingError as error:
            # Nobody has got to create it yet.
            assert error.reason == "there is no recording yet"  # noqa: PT017
            assert not any(kept.values())

    anyio.run(main)


@contextmanager
def places(kind: str, folder: Path) -> Iterator[Iterator[str]]:
    """Ever new places for a recording."""
    if kind == "sqlite":
        yield (str(folder / f"{number}.sqlite") for number in range(10**6))
    else:
        with running() as url:
            yield (new_schema(url) for _ in range(10**6))


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=needs_postgres)])
def test_killed_at_random_nothing_is_lost_that_was_kept(kind: str, tmp_path: Path) -> None:
    drawn = random.Random(35)
    kills = rows = unfinished = 0
    with places(kind, tmp_path) as new_places, fork_server() as server:
        while kills < KILLS:
            where = next(new_places)
            names = [tmp_path / f"{kills} {code}" for code in CODES]
            writers = [
                Writer(server, where, code, name) for code, name in zip(CODES, names, strict=True)
            ]
            found: dict[str, list[int]] = {}
            for round_ in range(ROUNDS_OF_ONE_RECORDING):
                working = writers if round_ % 2 else [drawn.choice(writers)]
                for writer in working:
                    writer.start()
                if round_ == 0:
                    time.sleep(drawn.uniform(0, 0.1))  # perhaps while the tables are created
                else:
                    for writer in working:
                        writer.wait_for(drawn.randrange(20))
                    time.sleep(drawn.uniform(0, 0.02))
                read_in_the_middle(where, {writer.code: writer.kept() for writer in writers})
                for writer in drawn.sample(working, len(working)):
                    writer.kill()
                    kills += 1
                if kind == "postgres":
                    wait_for_sessions(where)
                found = read(where)
                unfinished += sum(writer.check(found[writer.code]) for writer in writers)
            check_integrity(kind, where)
            rows += sum(map(len, found.values()))
    figure(35, database=kind, kills=kills, rows=rows, written_but_not_confirmed=unfinished)
    assert rows > 5 * kills, "hardly anything was written: it shows nothing"


def wait_for_sessions(where: str) -> None:
    """Until the server has ended what the killed ones had sent."""
    query = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'aiocapdist'"
    while execute(where, query):
        time.sleep(0.01)


def check_integrity(kind: str, where: str) -> None:
    """What the database itself thinks of it."""
    if kind == "sqlite":
        with sqlite3.connect(where) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
    else:
        query = "SELECT count(*), count(DISTINCT (code, time)) FROM capital_distribution"
        ((rows, keys),) = execute(where, query)
        assert rows == keys


def test_on_a_full_disk_what_was_kept_can_be_read_and_it_goes_on(tmp_path: Path) -> None:
    said = recorder("limit", str(tmp_path / "day.sqlite"), "300000").splitlines()
    assert said[0] == "the disk reported an error (SQLITE_IOERR_WRITE)"
    assert said[1:4] == ["still full"] * 3
    assert int(said[4]) > 20
    check_integrity("sqlite", str(tmp_path / "day.sqlite"))
    figure(35, full_disk="by a limit of the file's size", kept=said[4])


MOUNT = 'mount -t tmpfs -o size=600k tmpfs "$1" && head -c 200000 /dev/zero > "$1/ballast" && '


def can_mount() -> bool:
    """Whether a small disk of memory can be had, for a process and its children alone."""
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_on_a_disk_that_is_really_full_too(tmp_path: Path) -> None:
    if not can_mount():
        pytest.skip("no mount namespaces here (unshare -rm)")
    then = f'{sys.executable} -m tests.promises.recorder disk "$1/a" "$1/ballast"'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", MOUNT + then, "sh", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == "the disk is full"
    assert said[1:4] == ["still full"] * 3
    assert int(said[4]) > 20
    figure(35, full_disk="of memory, really full", kept=said[4])


def recorder(*arguments: str) -> str:
    """What such a program says."""
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
