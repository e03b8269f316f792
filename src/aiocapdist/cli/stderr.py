"""What the command line tells besides answers, in one place: lines on standard error."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def say(text: str) -> None:
    """One line, whatever the text: OpenD's own words may hold line breaks."""
    try:
        print(f"aiocapdist: {printable(text)}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        hush(sys.stderr)  # nobody listens: the answers go on


def printable(text: str) -> str:
    """One line, and nothing in it that a terminal would obey: OpenD, or who poses as it,
    chooses these words."""
    line = " ".join(text.split())
    return "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in line)


def hush(stream: TextIO) -> None:
    """Whoever read this stream has had enough: what it still holds goes nowhere.

    Otherwise the interpreter would complain of it at its end.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
