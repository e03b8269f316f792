"""``python -m benchmarks.beside_futu_api [--json FILE] [--only TEXT]``: both clients in trouble.

Each client runs in a process of its own and asks again and again, the vendor's as its documents
have it, ours with its defaults. The gateway is the simulator, the way there is the tests' proxy,
and both meet the same faults. No case waits longer than its limit: "still dead" is a result.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
from anyio.streams.text import TextReceiveStream

from aiocapdist.simulator import Fault, Faults, Simulator
from tests.support.proxy import Proxy

LIMIT = 40.0  # seconds for each case
MIB = 2**20
CALLS = 100
RESTARTS = 7
BAD_LINK = 120.0  # seconds

_TELL = """
import json, os, sys, time
port, case = int(sys.argv[1]), sys.argv[2]
def tell(**what):
    # In one piece, whatever other threads have to tell.
    os.write(1, ("\\nTOLD " + json.dumps({"at": time.time(), **what}) + "\\n").encode())
"""
VENDOR = (
    _TELL
    + """
import threading, warnings
warnings.simplefilter("ignore")
from futu import OpenQuoteContext
context = OpenQuoteContext(host="127.0.0.1", port=port)
def ask(code):
    ret, data = context.get_capital_distribution(code)
    tell(code=code, ok=ret == 0, error=None if ret == 0 else str(data))
ask("HK.00001")
if case == "hundred":
    for n in range(100):
        threading.Thread(target=ask, args=(f"US.{n}",), daemon=True).start()
    time.sleep(3600)
while True:
    time.sleep(1.0 if case == "paced" else 0.1)
    ask("HK.00700")
"""
)
OURS = (
    _TELL
    + """
import anyio, aiocapdist
async def main():
    quota = aiocapdist.Quota(1000, 1.0)
    attempts = 1 if case == "hundred" else 3
    async with aiocapdist.connect(port=port, quota=quota, attempts=attempts) as client:
        async def ask(code):
            try:
                await client.capital_distribution(code)
                tell(code=code, ok=True)
            except aiocapdist.AiocapdistError as error:
                tell(code=code, ok=False, error=str(error))
        await ask("HK.00001")
        if case == "hundred":
            async with anyio.create_task_group() as group:
                for n in range(100):
                    group.start_soon(ask, f"US.{n}")
            await anyio.sleep(3600)
        while True:
            await anyio.sleep(1.0 if case == "paced" else 0.1)
            await ask("HK.00700")
anyio.run(main)
"""
)
CLIENTS = {"futu-api": VENDOR, "aiocapdist": OURS}


class Worker:
    """A client at work, and what it has told."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.told: list[dict[str, Any]] = []
        self.news = anyio.Event()

    async def until(self, condition: Callable[[], Any], limit: float) -> bool:
        """Whether this came true in time, as far as it depends on what is told."""
        with anyio.move_on_after(limit):
            while not condition():
                with anyio.move_on_after(0.02):
                    await self.news.wait()
            return True
        return False

    def good_after(self, moment: float) -> float | None:
        """Seconds from this moment to the first good answer to what was asked since."""
        return next(
            (row["at"] - moment for row in self.told if row["ok"] and row["at"] > moment), None
        )

    def largest(self) -> float:
        """MiB of the process in memory at most so far."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if "VmHWM" in line)


@asynccontextmanager
async def working(script: str, port: int, case: str) -> AsyncIterator[Worker]:
    with tempfile.TemporaryDirectory() as home:
        process = await anyio.open_process(
            [sys.executable, "-c", script, str(port), case],
            env={**os.environ, "HOME": home},
            stderr=None,
        )
        worker = Worker(process.pid)

        async def read() -> None:
            assert process.stdout is not None
            rest = ""
            async for text in TextReceiveStream(process.stdout):
                *lines, rest = (rest + text).split("\n")
                worker.told += [json.loads(line[5:]) for line in lines if line.startswith("TOLD ")]
                worker.news.set()
                worker.news = anyio.Event()

        try:
            async with anyio.create_task_group() as group:
                group.start_soon(read)
                assert await worker.until(lambda: worker.told, LIMIT), "it never began"
                assert worker.told[0]["ok"], worker.told[0]
                yield worker
                process.kill()
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                if process.returncode is None:
                    process.kill()
                await process.aclose()


def seconds(value: float | None, limit: float = LIMIT) -> str:
    return f"still dead after {limit:.0f} s" if value is None else f"{value:.2f} s"


async def half_a_frame(script: str) -> str:
    """The second answer is cut in half, then the connection."""
    async with (
        Simulator(quota=None, faults=Faults(script=[None, Fault.TRUNCATED])) as opend,
        Proxy(opend.port) as proxy,
        working(script, proxy.port, "loop") as worker,
    ):
        assert await worker.until(proxy.links[0].ended.is_set, LIMIT)
        cut_at = time.time()
        await worker.until(lambda: worker.good_after(cut_at) is not None, LIMIT)
        return seconds(worker.good_after(cut_at)) + _dials(proxy)


def _dials(proxy: Proxy) -> str:
    return f" ({len(proxy.links) - 1} reconnects)"


async def bad_head(script: str) -> str:
    """44 bytes that are no head, and 300 MiB after them."""
    async with (
        Simulator(quota=None) as opend,
        Proxy(opend.port) as proxy,
        working(script, proxy.port, "loop") as worker,
    ):
        before, sent = worker.largest(), 0
        began = time.time()
        try:
            with anyio.move_on_after(LIMIT):
                await proxy.links[0].inject(b"XX" + bytes(42))
                while sent < 300:
                    await proxy.links[0].inject(bytes(MIB))
                    sent += 1
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            pass  # it hung up
        # An answer on the old connection may have been under way: the new one's is meant.
        await worker.until(lambda: len(proxy.links) > 1, LIMIT)
        anew = time.time()
        good = None
        if len(proxy.links) > 1:
            await worker.until(lambda: worker.good_after(anew) is not None, LIMIT)
            good = worker.good_after(anew)
        grown = worker.largest() - before
        told = seconds(None if good is None else anew - began + good)
        return f"+{grown:.1f} MiB, {sent} MiB went in; to the next good answer {told}"


async def silence(script: str) -> str:
    """Nothing more is carried, and nothing closed; OpenD's interval is 10 s."""
    limit = 60.0
    async with (
        Simulator(quota=None) as opend,
        Proxy(opend.port) as proxy,
        working(script, proxy.port, "loop") as worker,
    ):
        proxy.links[0].blackhole()
        began = time.time() + 0.2
        await worker.until(lambda: worker.good_after(began) is not None, limit)
        failed = sum(not row["ok"] for row in worker.told)
        return f"{seconds(worker.good_after(began), limit)}; {failed} calls failed till then"


async def hundred_in_flight(script: str) -> str:
    """100 calls at once, none answered, and the connection cut."""
    faults = Faults({Fault.DROP: 1.0}, script=[None])
    async with (
        Simulator(quota=None, faults=faults) as opend,
        Proxy(opend.port) as proxy,
        working(script, proxy.port, "hundred") as worker,
    ):

        def asked() -> int:
            return sum((log.code or "").startswith("US.") for log in opend.requests)

        await worker.until(lambda: asked() == CALLS, 8.0)
        in_flight, cut_at = asked(), time.time()
        proxy.links[0].cut()
        await worker.until(lambda: len(worker.told) > CALLS, LIMIT)
        ends = sorted(row["at"] - cut_at for row in worker.told[1:])
        if not ends:
            return f"{in_flight} in flight; none of {CALLS} callers told in {LIMIT:.0f} s"
        middle = ends[len(ends) // 2]
        return (
            f"{in_flight} in flight; {len(ends)} of {CALLS} callers told, "
            f"after {ends[0]:.3f} to {ends[-1]:.3f} s (median {middle:.3f})"
        )


async def restart(script: str) -> str:
    """The gateway is away for two seconds, time and again: what is drawn by lot has a spread."""
    took: list[float] = []
    for _ in range(RESTARTS):
        async with (
            Simulator(quota=None) as opend,
            working(script, opend.port, "loop") as worker,
        ):
            await opend.go_away()
            await anyio.sleep(2.0)
            back_at = time.time()
            await opend.come_back()
            await worker.until(partial(_is_good_after, worker, back_at), LIMIT)
            took.append(worker.good_after(back_at) or LIMIT)
    took.sort()
    return f"median {took[RESTARTS // 2]:.2f} s ({took[0]:.2f} to {took[-1]:.2f}, {RESTARTS} times)"


def _is_good_after(worker: Worker, moment: float) -> bool:
    return worker.good_after(moment) is not None


async def bad_link(script: str, *, lives: float) -> str:
    """Each connection is cut after so many seconds; a call each second."""
    async with (
        Simulator(quota=None) as opend,
        Proxy(opend.port) as proxy,
        anyio.create_task_group() as group,
        working(script, proxy.port, "paced") as worker,
    ):
        group.start_soon(_cut_each, proxy, lives)
        began = time.time()
        await anyio.sleep(BAD_LINK)
        good = [row["at"] for row in worker.told if row["ok"] and row["at"] > began]
        failed = sum(not row["ok"] for row in worker.told)
        moments = [began, *good, began + BAD_LINK]
        silence = max(later - earlier for earlier, later in pairwise(moments))
        group.cancel_scope.cancel()
    a_minute = 60.0 * len(good) / BAD_LINK
    return f"{a_minute:.0f} answers a minute, silent for {silence:.1f} s; {failed} calls failed"


async def _cut_each(proxy: Proxy, lives: float) -> None:
    """Cut each connection of the proxy this long after it began."""

    async def cut(number: int) -> None:
        await anyio.sleep(lives)
        proxy.links[number].cut()

    async with anyio.create_task_group() as group:
        seen = 0
        while True:
            while seen < len(proxy.links):
                group.start_soon(cut, seen)
                seen += 1
            await anyio.sleep(0.01)


CASES: dict[str, Callable[[str], Awaitable[str]]] = {
    "half a frame, then the connection cut: to the next good answer": half_a_frame,
    "300 MiB after a bad head": bad_head,
    "silence with the socket open: to the next good answer": silence,
    "loss with 100 calls in flight": hundred_in_flight,
    "gateway away for 2 s: from its return to the next good answer": restart,
    "each connection cut after 3 s, a call each second": partial(bad_link, lives=3.0),
    "each connection cut after 9 s, a call each second": partial(bad_link, lives=9.0),
}


async def measure(only: str) -> dict[str, dict[str, str]]:
    results: dict[str, dict[str, str]] = {}
    for name, case in CASES.items():
        if only not in name:
            continue
        results[name] = {}
        for client, script in CLIENTS.items():
            with anyio.fail_after(8 * LIMIT):
                results[name][client] = await case(script)
            print(f"{name} · {client}: {results[name][client]}", file=sys.stderr, flush=True)
    return results


def table(results: dict[str, dict[str, str]]) -> str:
    lines = [f"| what goes wrong | {' | '.join(CLIENTS)} |", "|---|---|---|"]
    for name, row in results.items():
        lines.append(f"| {name} | {' | '.join(row[client] for client in CLIENTS)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beside_futu_api")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", default="", help="cases whose name has this text")
    options = parser.parse_args()
    results = anyio.run(measure, options.only)
    print(table(results))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2), "utf-8")


if __name__ == "__main__":
    main()
