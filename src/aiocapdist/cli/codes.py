"""Read security codes from arguments, files and standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from errno import EBADF
from pathlib import Path

from .language import tr
from .streams import report

STANDARD_INPUT = "@-"
"""Means the same as ``-``."""
MOST_NAMED = 5
"""Number of completed codes that are named; a file may have thousands."""


class CodesUnreadable(Exception):
    """Raised when a source of codes cannot be read. The text names the source and why."""


def read_codes(arguments: Sequence[str]) -> list[str]:
    """Return the codes in order: ``-`` reads standard input, ``@FILE`` a file.

    Other notations are understood as by ``Security.guess``; a line on standard error says
    where a market or digits were added. What means no code is kept as it is: it fails among
    the answers of the others. Raises CodesUnreadable.
    """
    from .code_files import SEPARATORS

    texts: list[str] = []
    for argument in arguments:
        if argument in ("-", STANDARD_INPUT):
            texts.extend(_codes_in(tr("standard input"), _read_standard_input))
        elif argument.startswith("@"):
            path = Path(argument[1:])
            texts.extend(_codes_in(f"{str(path)!r}", path.read_bytes))
        else:
            texts.extend([part for part in SEPARATORS.split(argument) if part] or [argument])
    return _understood(texts)


def read_valid_codes(arguments: Sequence[str]) -> list[str]:
    """Return each code once, for what goes on for long. Raises CodesUnreadable, InvalidCode."""
    from ..models import Security

    return [str(Security.parse(code)) for code in dict.fromkeys(read_codes(arguments))]


def _understood(texts: Sequence[str]) -> list[str]:
    """Return the codes that the texts mean; report those that were completed."""
    from ..errors import InvalidCode
    from ..models import Security
    from ..models._codes import guess_code

    codes: list[str] = []
    completed: dict[str, str] = {}
    for text in texts:
        try:
            codes.append(str(Security.parse(text)))
        except InvalidCode:
            guess = guess_code(text)
            codes.append(str(guess or text))
            if guess is not None and guess.added:
                completed[text] = codes[-1]
    if completed:
        named = [
            tr("{text!r} for {code}", text=text, code=code) for text, code in completed.items()
        ]
        more = len(named) - MOST_NAMED
        rest = tr(" and {more} others likewise", more=more) if more > 0 else ""
        report(tr("took {named}{rest}", named=tr(", ").join(named[:MOST_NAMED]), rest=rest))
    return codes


def _read_standard_input() -> bytes:
    if sys.stdin is None:
        raise OSError(EBADF, tr("it is closed"))
    if sys.stdin.isatty():
        report(tr("reading codes from the keyboard; end with Ctrl-D on a line of its own"))
    return sys.stdin.buffer.read()


def _codes_in(name: str, read: Callable[[], bytes]) -> Sequence[str]:
    from .code_files import decode, split_codes

    try:
        if codes := list(split_codes(decode(read()))):
            return codes
        reason = tr("there are none")
    except OSError as error:
        reason = error.strerror or ""
    except UnicodeDecodeError:
        reason = tr("it is not UTF-8 text")
    raise CodesUnreadable(tr("cannot read codes from {name}: {reason}", name=name, reason=reason))
