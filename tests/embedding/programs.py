"""Run programs in a new interpreter where every warning is an error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Done(NamedTuple):
    """A program's exit code and output."""

    code: int
    out: str
    err: str


def run(program: str, *arguments: object, home: Path) -> Done:
    """Run a program to its end, with this home folder."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *map(str, arguments)],
        env={**os.environ, "HOME": str(home)},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def tidy(program: str, *arguments: object, home: Path) -> str:
    """Return what a program prints; it must exit with 0 and print nothing on stderr."""
    done = run(program, *arguments, home=home)
    assert (done.code, done.err) == (0, "")
    return done.out
