"""nautilus-futu: Rust under PyO3, over 64 threads. Runs on the Python it has a wheel for.

Its extension module is loaded by itself: the package around it wants a trading platform.
This file stands alone, since aiocapdist need not be installed there.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

THREADS = 64


def load() -> Any:
    home = Path(sysconfig.get_paths()["platlib"]) / "nautilus_futu"
    (library,) = home.glob("_rust.cpython-*")
    spec = importlib.util.spec_from_file_location("nautilus_futu._rust", library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(port: int) -> None:
    client = load().PyFutuClient()
    client.connect("127.0.0.1", port, "bench", 1011)
    pool = ThreadPoolExecutor(THREADS)
    codes = [f"{n:05d}" for n in range(10_000)]

    def sweep(count: int) -> dict[str, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        answers = list(
            pool.map(lambda code: client.get_capital_distribution(1, code), codes[:count])
        )
        assert len(answers) == count
        return {
            "cpu": (time.process_time() - cpu) / count * 1e6,
            "wall": (time.perf_counter() - wall) / count * 1e6,
        }

    def one_by_one(count: int) -> dict[str, float]:
        seconds = []
        for code in codes[:count]:
            began = time.perf_counter()
            client.get_capital_distribution(1, code)
            seconds.append(time.perf_counter() - began)
        return {"median": median(seconds) * 1e6}

    commands = {"sweep": sweep, "trips": one_by_one}
    print(json.dumps({"ready": sorted(commands)}), flush=True)
    for line in sys.stdin:
        command, count = line.split()
        print(json.dumps(commands[command](int(count))), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
