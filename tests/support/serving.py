"""The web server in a process of its own, so that its memory and time can be measured.

``python -m tests.support.serving OPEND_PORT EVERY CODE…`` serves until standard input ends.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import anyio
import httpx

import aiocapdist
from aiocapdist import CapitalDistribution, Market

TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def allow_files(count: int) -> bool:
    """Let this process open so many files; False if it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            return False
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    return True


def figures_of_now(code: str) -> CapitalDistribution:
    """Return figures whose time is this moment: that of OpenD's reply."""
    flows = {
        f"capital_{side}_{size}": 1e6
        for side in ("in", "out")
        for size in ("super", "big", "mid", "small")
    }
    return CapitalDistribution.model_validate(
        {"code": code, "market": Market.HK, **flows, "updated_at": datetime.now(UTC)}
    )


class ServerProcess(NamedTuple):
    """A server that runs: its port, and what it costs."""

    port: int
    pid: int

    def processor_time(self) -> float:
        """Return the seconds that it has computed."""
        text = Path(f"/proc/{self.pid}/stat").read_text("utf-8")
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Return its resident memory in MiB."""
        text = Path(f"/proc/{self.pid}/status").read_text("utf-8")
        return int(text.split("VmRSS:")[1].split()[0]) / 1024


@asynccontextmanager
async def server_process(
    opend_port: int, every: float, codes: Sequence[str]
) -> AsyncIterator[ServerProcess]:
    """Start a server of this OpenD; end it at the end of the body. asyncio only."""
    command = (sys.executable, "-m", __name__, str(opend_port), str(every), *codes)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        await _ready(port)
        yield ServerProcess(port, process.pid)
    finally:
        process.stdin.close()
        await process.wait()


async def _ready(port: int) -> None:
    """Wait until the server is connected to OpenD."""
    async with httpx.AsyncClient() as http:
        with anyio.fail_after(20):
            while (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code != 200:  # noqa: ASYNC110
                await anyio.sleep(0.02)


async def _serve(opend_port: int, every: float, codes: list[str]) -> None:
    from aiocapdist.web import create_app
    from aiocapdist.web._server import Server, listen

    allow_files(4096)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core
    quota = aiocapdist.Quota(10_000, 1.0)
    app = create_app(aiocapdist.connect(port=opend_port, quota=quota), codes, every=every)
    server, listener = Server(app), listen("127.0.0.1", 0)
    serving = asyncio.ensure_future(server.serve([listener]))
    print(listener.getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
