"""Writing to standard output (answers) and standard error (everything else)."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from .escape import one_line


def write(text: str) -> None:
    """Write to standard output and flush: half a minute may pass until the next answer."""
    # Looked up each time: a progress bar on the same terminal replaces the stream.
    print(text, end="", flush=True)


def report(text: str) -> None:
    """Write one escaped line to standard error."""
    try:
        print(f"aiocapdist: {one_line(text)}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        discard(sys.stderr)  # answers are still written


def discard(stream: TextIO) -> None:
    """Send what the stream still holds to the null device.

    Without this, the interpreter would report the broken pipe when it exits.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
