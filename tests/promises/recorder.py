"""Programs that record, to be killed or to run out of disk: each a process of its own.

``python -m tests.promises.recorder fork`` starts one for each line on its input; a fork of a
process that has imported everything begins to record within milliseconds.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress
from importlib import import_module
from itertools import count

import anyio

from aiocapdist import CapitalDistribution, RecordingError
from aiocapdist.recording import Recording

from ..recording.making import figures
from ..support.forking import fork_for_each_line

UNDATED = "US.AAPL"
"""The code whose figures have no time of their own, as some OpenDs' have not."""


def snapshot(code: str, number: int) -> CapitalDistribution:
    """The figures of a code that are recorded as the ``number``-th."""
    second = None if code == UNDATED else number
    return figures(code, second, capital_in_big=float(number))


async def record(where: str, code: str, first: int, confirmed: str) -> None:
    """Record one snapshot after another; append each number to a file when add() has returned."""
    kept = os.open(confirmed, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with Recording(where) as recording:
        for number in count(first):
            await recording.add(snapshot(code, number))
            os.write(kept, b"%d\n" % number)


def fork() -> None:
    """Start one for each line of input: where, code, first number, file for confirmed ones."""
    for module in ("_sqlite", "_postgres"):
        import_module(f"aiocapdist.recording.{module}")
    for package in ("psycopg", "sqlalchemy.dialects.postgresql.psycopg"):
        with suppress(ModuleNotFoundError):
            import_module(package)

    def run(line: str) -> None:
        where, code, first, confirmed = line.split("\t")
        anyio.run(record, where, code, int(first), confirmed)

    fork_for_each_line(run)


# ---- a full disk


async def fill(path: str, ballast: str) -> None:
    """Record until the disk is full, read it all back, make room, and go on."""
    async with Recording(path) as recording:
        kept = 0
        try:
            for number in count():
                await recording.add(snapshot("HK.00700", number))
                kept += 1
        except RecordingError as error:
            print(error.reason)
        # Again: it stays full, and nothing gets worse.
        for _ in range(3):
            try:
                await recording.add(snapshot("HK.00700", kept))
            except RecordingError:
                print("still full")
        assert await numbers(recording) == list(range(kept))
        if ballast == "limit":
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        else:
            os.unlink(ballast)
        for number in range(kept, kept + 5):
            await recording.add(snapshot("HK.00700", number))
        assert await numbers(recording) == list(range(kept + 5))
    print(kept)


async def numbers(recording: Recording, code: str = "HK.00700") -> list[int]:
    """The numbers of all snapshots of a code that are kept, in order."""
    return [int(value.capital_in_big) async for value in recording.read([code])]


def main(kind: str, *arguments: str) -> None:
    if kind == "fork":
        fork()
    elif kind == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(arguments[1]), resource.RLIM_INFINITY))
        anyio.run(fill, arguments[0], "limit")
    else:
        path, ballast = arguments
        anyio.run(fill, path, ballast)


if __name__ == "__main__":
    main(*sys.argv[1:])
