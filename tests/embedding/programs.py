"""Programs in an interpreter of their own, where every warning is an error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Done(NamedTuple):
    """How a program ended."""

    code: int
    out: str
    err: str


def run(program: str, *arguments: object, home: Path) -> Done:
    """Run it to its end, in a home of its own."""
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
    """What a program prints that ends well, and says nothing on the side."""
    done = run(program, *arguments, home=home)
    assert (done.code, done.err) == (0, "")
    return done.out
