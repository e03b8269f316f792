"""Run the real command in a terminal of any size, and read its screen as a person does."""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from .processes import COMMAND, DEADLINE

needs_terminal = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
WIDTHS = (40, 80, 160)


class Terminal:
    """A command in a terminal: what it wrote, and the screen that this made."""

    def __init__(self, child: Any, columns: int, lines: int) -> None:
        import pyte

        self._child = child
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""

    @property
    def lines(self) -> list[str]:
        """Lines of the screen, without trailing blanks."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """The screen's text."""
        return "\n".join(self.lines)

    def colors_of(self, text: str) -> set[str]:
        """Return the colours in which this text stands on the screen."""
        for y, line in enumerate(self._screen.display):
            if (x := line.find(text)) >= 0:
                return {self._screen.buffer[y][x + i].fg for i in range(len(text))}
        raise AssertionError(f"{text!r} is not on the screen:\n{self.text}")

    def wait_for(self, holds: Callable[[str], bool]) -> None:
        """Read until the screen's text is as it should be."""
        deadline = time.monotonic() + DEADLINE
        while not holds(self.text):
            if time.monotonic() > deadline or not self._read():
                raise AssertionError(f"not as it should be:\n{self.text}")

    def type(self, text: str) -> None:
        """Type a text."""
        self._child.send(text)

    def press_ctrl_c(self) -> None:
        """Press Ctrl-C."""
        self._child.sendintr()

    def exit_code(self) -> int:
        """Read to the end; return the exit code."""
        while self._read():
            pass
        self._child.close()
        assert isinstance(self._child.exitstatus, int)
        return self._child.exitstatus

    def _read(self) -> bool:
        """Read what there is. False at the end, and if nothing comes."""
        import pexpect

        try:
            more = self._child.read_nonblocking(65536, timeout=DEADLINE)
        except (pexpect.EOF, pexpect.TIMEOUT):
            return False
        self.written += more
        self._stream.feed(more)
        return True


@contextmanager
def terminal(
    *arguments: str,
    command: Sequence[str] = COMMAND,
    columns: int = 80,
    lines: int = 24,
    **environment: str,
) -> Iterator[Terminal]:
    """Run the command in a terminal; it is killed at the end of the body."""
    import pexpect

    # The terminal's size counts, not that of another one (pytest-xdist sets these).
    own = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    variables = {**own, "TERM": "xterm-256color", **environment}
    program, *rest = command

    def set_size() -> None:
        # Before the command begins: pexpect does it from outside, and may come too late.
        import fcntl
        import termios

        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    child = pexpect.spawn(
        program,
        [*rest, *arguments],
        dimensions=(lines, columns),
        env=variables,
        preexec_fn=set_size,
    )
    try:
        yield Terminal(child, columns, lines)
    finally:
        child.close(force=True)
