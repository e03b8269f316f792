"""One process for each client that is measured: told what to do line by line, it answers
with a JSON object for each line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Self

CODES = [f"{market}.{n:05d}" for n in range(5000) for market in ("HK", "SH")]


def codes(count: int) -> list[str]:
    """So many different codes."""
    return CODES[:count]


class Watch:
    """CPU of this process, all its threads, and wall-clock time, per call."""

    def __init__(self, calls: int) -> None:
        self.calls = calls

    def __enter__(self) -> Self:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        self.cpu = (time.process_time() - self._cpu) / self.calls * 1e6
        self.wall = (time.perf_counter() - self._wall) / self.calls * 1e6

    def result(self) -> dict[str, float]:
        """Microseconds per call."""
        return {"cpu": self.cpu, "wall": self.wall}


def trips(seconds: list[float]) -> dict[str, float]:
    """What many round trips came to, in microseconds."""
    return {"median": median(seconds) * 1e6}


def obey(commands: dict[str, Callable[[int], dict[str, float]]]) -> None:
    """Serve lines such as ``sweep 10000`` until standard input ends."""
    print(json.dumps({"ready": sorted(commands)}), flush=True)
    for line in sys.stdin:
        command, count = line.split()
        print(json.dumps(commands[command](int(count))), flush=True)
