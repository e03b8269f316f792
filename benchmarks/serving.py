"""What readers of ``aiocapdist serve`` cost: processor time, memory, and the delay of a change.

``python -m benchmarks.serving [READERS]``: 500 readers of 30 codes, of which 10 change each
second, as fast as ten accounts' quotas allow. The server is a process of its own, on one core.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import sys
import time
from datetime import UTC, datetime

from aiocapdist.simulator import Simulator
from tests.support.serving import ServerProcess, allow_files, figures_of_now, server_process

CODES = [f"HK.{n:05d}" for n in range(1, 31)]
EVERY = 3.0
SECONDS = 20.0
SEEN = re.compile(rb'"updated_at":"([^"]+)Z"')


class Reader(asyncio.Protocol):
    """Notes how old figures are when they arrive, in seconds."""

    def __init__(self, port: int, delays: list[float]) -> None:
        self._port = port
        self._delays = delays

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(f"GET /v1/watch HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        now = time.time()
        for match in SEEN.finditer(data):
            at = datetime.fromisoformat(f"{match[1].decode()}+00:00")
            self._delays.append(now - at.timestamp())


async def measure(count: int) -> None:
    """Measure this many readers, and print what was found."""
    loop = asyncio.get_running_loop()
    async with (
        Simulator(figures=figures_of_now, quota=None, now=_morning) as opend,
        server_process(opend.port, EVERY, CODES) as server,
    ):
        await asyncio.sleep(5.0)
        await _measure(loop, count, server)


async def _measure(loop: asyncio.AbstractEventLoop, count: int, server: ServerProcess) -> None:
    port = server.port
    idle, before = server.memory(), server.processor_time()
    await asyncio.sleep(SECONDS / 2)
    alone = (server.processor_time() - before) / (SECONDS / 2)
    delays: list[float] = []
    readers = []
    for _ in range(count):
        reader, _ = await loop.create_connection(lambda: Reader(port, delays), "127.0.0.1", port)
        readers.append(reader)
    await asyncio.sleep(5.0)  # the whole picture of each
    delays.clear()
    before, began = server.processor_time(), time.monotonic()
    await asyncio.sleep(SECONDS)
    spent = (server.processor_time() - before) / (time.monotonic() - began)
    events = len(delays) / SECONDS
    print(f"{count} readers, {events:,.0f} events a second")
    print(f"processor: {100 * spent:.0f} % of one core; without readers {100 * alone:.0f} %")
    print(f"memory: {server.memory():.0f} MiB; without readers {idle:.0f} MiB")
    points = statistics.quantiles(delays, n=100)
    shown = ", ".join(f"{name} {1000 * points[n]:.1f} ms" for name, n in _POINTS.items())
    print(f"from OpenD's reply to the reader: {shown}")
    for transport in readers:
        transport.close()
    await browse(port)


_POINTS = {"median": 49, "90 %": 89, "99 %": 98}


async def browse(port: int) -> None:
    """Measure the same in a browser: until the event has come, and until the next frame."""
    from tests.support.browser import browser, missing, visit

    if missing():
        print(missing())
        return
    async with browser() as running, visit(running, f"http://127.0.0.1:{port}/") as page:
        found = await page.evaluate(
            """() => new Promise(done => {
              const found = [], source = new EventSource("v1/watch");
              const began = Date.now();
              source.addEventListener("change", event => {
                if (Date.now() - began < 2000) return;
                const at = Date.parse(JSON.parse(event.data).updated_at), came = Date.now();
                requestAnimationFrame(() => {
                  found.push([came - at, Date.now() - at]);
                  if (found.length === 60) done(found);
                });
              });
            })"""
        )
    for name, n in (("browser", 0), ("drawn", 1)):
        values = sorted(one[n] for one in found)
        print(f"to the {name}: median {values[30]:.0f} ms, 90 % {values[54]:.0f} ms")


def _morning() -> float:
    """Return a time at which Hong Kong is open, whatever the day is."""
    return datetime(2023, 11, 15, 2, tzinfo=UTC).timestamp() + time.monotonic() % 3600


if __name__ == "__main__":
    allow_files(4096)
    asyncio.run(measure(int(sys.argv[1]) if sys.argv[1:] else 500))
