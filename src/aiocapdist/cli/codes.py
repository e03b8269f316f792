"""Read security codes from arguments, files and standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .streams import report

STANDARD_INPUT = "@-"
"""Means the same as ``-``."""


class CodesUnreadable(Exception):
    """Raised when a source of codes cannot be read. The text names the source and why."""


def read_codes(arguments: Sequence[str]) -> list[str]:
    """Return the codes in order: ``-`` reads standard input, ``@FILE`` a file.

    Words and commas separate codes; in files, ``#`` begins a comment. Codes are not
    checked here: an invalid one fails among the answers of the others. Raises
    CodesUnreadable.
    """
    codes: list[str] = []
    for argument in arguments:
        if argument in ("-", STANDARD_INPUT):
            codes.extend(_split(_read("standard input", _read_standard_input)))
        elif argument.startswith("@"):
            path = Path(argument[1:])
            codes.extend(_split(_read(f"{str(path)!r}", path.read_bytes)))
        else:
            codes.extend([part for part in argument.split(",") if part] or [argument])
    return codes


def _read_standard_input() -> bytes:
    if sys.stdin.isatty():
        report("reading codes from the keyboard; end with Ctrl-D on a line of its own")
    return sys.stdin.buffer.read()


def _read(name: str, read: Callable[[], bytes]) -> str:
    try:
        return read().decode("utf-8-sig")  # editors on Windows write a byte order mark
    except OSError as error:
        raise CodesUnreadable(f"cannot read codes from {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CodesUnreadable(f"cannot read codes from {name}: it is not UTF-8 text") from None


def _split(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from line.partition("#")[0].replace(",", " ").split()
