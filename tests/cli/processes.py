"""Run the real command, in a process of its own or in this one, and a simulator beside it."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from threading import Timer
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from anyio.from_thread import start_blocking_portal

from aiocapdist import Client
from aiocapdist.cli import session
from aiocapdist.cli.app import run
from aiocapdist.cli.sweep_progress import SweepProgress
from aiocapdist.simulator import Simulator

DEADLINE = 30.0
COMMAND = (sys.executable, "-W", "error", "-m", "aiocapdist")


@contextmanager
def start_command(
    *arguments: str, deadline: float = DEADLINE, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """Start the command; it is killed at the deadline or at the end of the body."""
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([*COMMAND, *arguments], encoding="utf-8", **(pipes | options)) as process:
        watchdog = Timer(deadline, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def run_command(
    *arguments: str, deadline: float = DEADLINE, **options: Any
) -> tuple[int, str, str]:
    """Run the command to its end; return exit code, standard output, standard error."""
    with start_command(*arguments, deadline=deadline, **options) as process:
        out, err = process.communicate(timeout=deadline)
    return process.returncode, out, err


def run_here(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run the command in this process, in a tenth of the time.

    For what it says and does: its start, signals, and streams that break need a process.
    """
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in environment.items():
            patch.setenv(name, value)
        code = run(arguments)
    return code, out.getvalue(), err.getvalue()


@contextmanager
def time_limit_after(count: int) -> Iterator[None]:
    """Let the time limit of a command run here end when it has had this many answers.

    However long these take: on a busy machine a limit in seconds may end before the first.
    """
    limit: anyio.CancelScope | None = None
    had = 0

    def move_on_after(seconds: float | None) -> anyio.CancelScope:
        nonlocal limit, had
        scope = anyio.move_on_after(None if seconds is None else DEADLINE)
        limit, had = (None if seconds is None else scope), 0
        return scope

    def note() -> None:
        nonlocal had
        had += 1
        if had == count and limit is not None:
            limit.cancel()

    plain_watch, plain_add = Client.watch, SweepProgress.add

    async def watch(*arguments: Any, **options: Any) -> AsyncIterator[Any]:
        async for change in plain_watch(*arguments, **options):
            yield change
            note()

    def add(progress: SweepProgress, outcome: Any) -> None:
        plain_add(progress, outcome)
        note()

    with pytest.MonkeyPatch.context() as patch:
        limited = SimpleNamespace(run=anyio.run, move_on_after=move_on_after)
        patch.setattr(session, "anyio", limited)
        patch.setattr(Client, "watch", watch)
        patch.setattr(SweepProgress, "add", add)
        yield


@contextmanager
def simulator(**options: Any) -> Iterator[Simulator]:
    """Run a simulator in a thread of its own, for commands run in this thread."""
    with start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(Simulator(**options)) as opend:
            yield opend
