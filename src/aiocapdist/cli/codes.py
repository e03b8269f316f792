"""The codes to ask about: from the arguments, from files, from standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .stderr import say

STANDARD_INPUT = "@-"
"""The same as ``-``, as other commands write it."""


class UnreadableError(Exception):
    """A source of codes cannot be read; the text says which and why."""


def gather(arguments: Sequence[str]) -> list[str]:
    """Codes in order. ``-`` reads standard input, ``@file`` a file: words, ``#`` comments.

    Commas part codes everywhere. Whether a code is one is not decided here: a wrong one
    is told beside the others' answers. Raises UnreadableError.
    """
    codes: list[str] = []
    for argument in arguments:
        if argument in ("-", STANDARD_INPUT):
            codes.extend(_words(_text("standard input", _typed)))
        elif argument.startswith("@"):
            path = Path(argument[1:])
            codes.extend(_words(_text(f"{str(path)!r}", path.read_bytes)))
        else:
            codes.extend([part for part in argument.split(",") if part] or [argument])
    return codes


def _typed() -> bytes:
    if sys.stdin.isatty():
        say("reading codes from the keyboard; end with Ctrl-D on a line of its own")
    return sys.stdin.buffer.read()


def _text(name: str, read: Callable[[], bytes]) -> str:
    try:
        # Editors on Windows put a byte order mark before the first code.
        return read().decode("utf-8-sig")
    except OSError as error:
        raise UnreadableError(f"cannot read codes from {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UnreadableError(f"cannot read codes from {name}: it is not UTF-8 text") from None


def _words(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from line.partition("#")[0].replace(",", " ").split()
