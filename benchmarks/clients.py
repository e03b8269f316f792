"""The clients to compare, each in a process of its own, and how to find them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
NAUTILUS = "nautilus-futu==0.5.*"


class Worker:
    """A worker process: ``worker("sweep", 10_000)`` tells it what to do and hands back figures."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._answer()

    def __call__(self, command: str, count: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(command, count, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # the vendor's client prints its log here too
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise RuntimeError(f"{self._process.args!r} ended")


@contextmanager
def worker(*command: str) -> Iterator[Worker]:
    """Run a worker until the end of the context."""
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, "HOME": home},
        )
        try:
            yield Worker(process)
        finally:
            process.kill()
            process.communicate()


def ours(stack: ExitStack, address: str, *options: str) -> Worker:
    """aiocapdist; ``uvloop``, ``freeze``, ``gateways=N`` and ``rsa_key=…`` are options."""
    command = (sys.executable, "-m", "benchmarks.workers.ours", address, *options)
    return stack.enter_context(worker(*command))


def floor(stack: ExitStack, port: int) -> Worker:
    """The floor: see :mod:`.workers.floor`."""
    return stack.enter_context(worker(sys.executable, "-m", "benchmarks.workers.floor", str(port)))


def all_clients(stack: ExitStack, port: int) -> dict[str, Worker]:
    """Whoever can be run here, by name."""
    address = f"tcp://127.0.0.1:{port}"
    found = {
        "floor": floor(stack, port),
        "aiocapdist": ours(stack, address),
        "aiocapdist, uvloop": ours(stack, address, "uvloop"),
        "futu-api": stack.enter_context(
            worker(sys.executable, "-m", "benchmarks.workers.vendor", str(port))
        ),
    }
    python = nautilus_python()
    if python is not None:
        script = str(ROOT / "benchmarks" / "workers" / "nautilus.py")
        found["nautilus-futu"] = stack.enter_context(worker(python, script, str(port)))
    return found


def nautilus_python() -> str | None:
    """A Python 3.12 with nautilus-futu's wheel, made where that Python is found."""
    base = _python_3_12()
    home = ROOT / ".nox" / "nautilus"
    python = home / "bin" / "python"
    if base is None:
        return None
    try:
        if not python.exists():
            _run_quietly(base, "-m", "venv", str(home))
            # Without its dependencies: a whole trading platform, of which nothing is used.
            _run_quietly(str(python), "-m", "pip", "install", "--no-deps", NAUTILUS)
    except (OSError, subprocess.CalledProcessError):
        shutil.rmtree(home, ignore_errors=True)
        return None
    return str(python)


def _run_quietly(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _python_3_12() -> str | None:
    """Where a Python 3.12 is; a version manager's stand-in may be on the path without one."""
    installed = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    for python in (shutil.which("python3.12"), *sorted(installed.glob("3.12*/bin/python"))):
        if python is None:
            continue
        works = subprocess.run([python, "--version"], capture_output=True, check=False)
        if works.returncode == 0:
            return str(python)
    return None
