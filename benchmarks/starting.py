"""What it costs to start: scripts from their start to the first answer, and commands.

Whole processes, as the system accounts them, each in every round. Everything is compiled
beforehand, whatever the environment says of that, as it is where packages were installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from .gateway import gateway

PYTHON, PYDANTIC = "python -c pass", "pydantic, one model"
OURS, VENDOR = "aiocapdist, first answer", "futu-api, first answer"
FROZEN = "aiocapdist, first answer, gc.freeze() at exit"
VERSION, HELP, GET = "aiocapdist --version", "aiocapdist --help", "aiocapdist get HK.00700"

# The high-water mark, not ru_maxrss: that begins with what the parent had at the fork.
_TELL = """
print(next(line for line in open("/proc/self/status") if line[:5] == "VmHWM"), flush=True)
"""
_FIRST_ANSWER = """
import asyncio, aiocapdist
async def main():
    async with aiocapdist.connect(port={port}) as client:
        print(await client.capital_distribution("HK.00700"))
asyncio.run(main())
"""
_SCRIPTS = {
    PYTHON: "",
    PYDANTIC: """
import pydantic
class Model(pydantic.BaseModel):
    value: int
Model(value=1)
""",
    OURS: _FIRST_ANSWER,
    FROZEN: f"import atexit, gc; atexit.register(gc.freeze){_FIRST_ANSWER}",
    VENDOR: """
import os, warnings
warnings.simplefilter("ignore")
from futu import OpenQuoteContext
context = OpenQuoteContext(host="127.0.0.1", port={port})
print(context.get_capital_distribution("HK.00700"))
context.close()
""",
}
_COMMANDS = {
    VERSION: ["--version"],
    HELP: ["--help"],
    GET: ["get", "HK.00700", "--address", "tcp://127.0.0.1:{port}"],
}


@dataclass(frozen=True)
class Start:
    """One process. ``mib`` is None for commands."""

    cpu: float
    """Milliseconds of processor time, the system's share included."""
    wall: float
    """Milliseconds from start to end."""
    mib: float | None


def measure(rounds: int) -> list[dict[str, Start]]:
    """Every program in every round, by its name."""
    with gateway() as port, tempfile.TemporaryDirectory() as home:
        programs = _programs(port)
        for command in programs.values():
            _run(command, home)  # compiles what is not compiled yet
        return [
            {name: _run(command, home) for name, command in programs.items()} for _ in range(rounds)
        ]


def _programs(port: int) -> dict[str, list[str]]:
    programs = {}
    for name, script in _SCRIPTS.items():
        end = "os._exit(0)\n" if name == VENDOR else ""  # some of its threads never end
        programs[name] = [sys.executable, "-c", script.format(port=port) + _TELL + end]
    for name, words in _COMMANDS.items():
        arguments = [word.format(port=port) for word in words]
        programs[name] = [sys.executable, "-m", "aiocapdist", *arguments]
    return programs


def _run(command: list[str], home: str) -> Start:
    env = {**os.environ, "HOME": home, "PYTHONPYCACHEPREFIX": home}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    with process.stdout as stream:
        text = stream.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    lines = [line for line in text.splitlines() if line.startswith("VmHWM")]
    mib = int(lines[-1].split()[1]) / 1024 if lines else None
    return Start((usage.ru_utime + usage.ru_stime) * 1e3, wall * 1e3, mib)
