"""Ctrl-C and SIGTERM while the command loads, when repeated, and while it writes."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import termios
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from aiocapdist.simulator import Simulator

from .processes import DEADLINE, simulator, start_command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sets the size of a pipe")
SIGNALS = pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"]
)
GET = ("get", "HK.00001", "--simulate")
RECORD = 570  # bytes of one answer, or a few less
INTERRUPTED = "aiocapdist: interrupted\n"


IMPORT_HOOK = """
import os, sys

class SignalOnImport:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, SignalOnImport())
from aiocapdist.cli import main
main()
"""


@SIGNALS
@pytest.mark.parametrize("module", ["cyclopts.core", "asyncio.events", "pydantic.main", "anyio"])
def test_interrupted_while_importing(number: signal.Signals, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_HOOK.format(module=module, number=int(number)), *GET],
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", INTERRUPTED)


LINE_WHEN_HANDLED = """
import os
from aiocapdist import cli

exit_on_signal = cli.exit_on_signal

def exit_on_signal_and_tell():
    exit_on_signal()
    os.write(2, b"\\n")

cli.exit_on_signal = exit_on_signal_and_tell
cli.main()
"""


def test_interrupted_at_random_times() -> None:
    """From the moment when the program has replaced Python's own handler."""
    draw = random.Random(28)
    arguments = [sys.executable, "-c", LINE_WHEN_HANDLED, *GET]
    for _ in range(40):
        with subprocess.Popen(
            arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as process:
            assert process.stderr is not None
            process.stderr.readline()
            time.sleep(draw.random() * 0.4)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=DEADLINE)
        # -SIGINT: after the last answer, when the interpreter has removed all handlers.
        assert process.returncode in (0, 130, -signal.SIGINT), err
        assert b"Traceback" not in err


@contextmanager
def blocked_in_write(opend: Simulator, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """The command in a write to a full pipe that nobody reads."""
    read, write = os.pipe()
    capacity = fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    codes = [f"HK.{n:05d}" for n in range(1, 40)]
    arguments = ("get", *codes, "--format", "jsonl", "--address", f"127.0.0.1:{opend.port}")
    with start_command(*arguments, stdout=write, **options) as process:
        os.close(write)
        deadline = time.monotonic() + DEADLINE
        while capacity - _unread(read) >= RECORD and time.monotonic() < deadline:
            time.sleep(0.01)
        assert capacity - _unread(read) < RECORD
        # One answer has no room any more, and what a write had room for has been written.
        while not _sleeps(process):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield process
    os.close(read)


def _sleeps(process: subprocess.Popen[str]) -> bool:
    """Whether the main thread has waited for something for a while."""
    status = Path(f"/proc/{process.pid}/task/{process.pid}/status")
    before = status.read_text()
    time.sleep(0.1)
    return before == status.read_text() and "\nState:\tS" in before


def _signal_until_it_ends(process: subprocess.Popen[str], number: signal.Signals) -> int:
    """Send a second signal, and more: two that come before the process runs again are one."""
    for _ in range(int(DEADLINE)):
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(1.0)
    raise AssertionError("it goes on")


def _unread(descriptor: int) -> int:
    count = array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


@SIGNALS
def test_a_second_signal_ends_a_command_that_the_first_cannot_end(number: signal.Signals) -> None:
    with simulator(now=lambda: 1.7e9) as opend, blocked_in_write(opend) as process:
        assert process.stderr is not None
        process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        assert _signal_until_it_ends(process, number) == 130
        assert process.stderr.read().splitlines()[1:] == [INTERRUPTED.strip()]


def test_a_second_signal_shows_the_cursor_again() -> None:
    leader, follower = os.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    with (
        simulator(now=lambda: 1.7e9) as opend,
        blocked_in_write(opend, stderr=follower, env=environment) as process,
    ):
        os.close(follower)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        assert _signal_until_it_ends(process, signal.SIGINT) == 130
        shown = b""
        with suppress(OSError):  # how Linux reports that the other end is closed
            while True:
                shown += os.read(leader, 65536)
    os.close(leader)
    hidden, visible = shown.rfind(b"\x1b[?25l"), shown.rfind(b"\x1b[?25h")
    assert -1 < hidden < visible
