"""Escape text from elsewhere for where it goes: a line, JSON, a cell of CSV. Pure.

Texts come from OpenD, files, servers and arguments, so none of them is trusted: a terminal
would act on control characters, a reader be misled by invisible and reordering ones, and a
spreadsheet run what looks like a formula.
"""

from __future__ import annotations

import re

# Printable by their Unicode category, but drawn as nothing: fillers, joiners, selectors.
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u180b\u180c\u180d\u180f"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


def one_line(text: str) -> str:
    """Return the text on one line, with white space as blanks and the rest escaped."""
    return escape(" ".join(text.split()))


def escape(text: str) -> str:
    r"""Return the text with what is not drawn as ``\x1b`` or ``\u202e``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(ch if _is_drawn(ch) else ch.encode("unicode_escape").decode() for ch in text)


def csv_cell(value: object) -> object:
    """Return a cell's value; text that a spreadsheet would run gets a leading apostrophe."""
    if not isinstance(value, str):
        return value
    defused = _FORMULA.match(value) and not _NUMBER.fullmatch(value)
    return f"'{escape(value)}" if defused else escape(value)


def to_json(data: object, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """Return JSON in which what is not drawn is escaped; reading it gives the same text."""
    import json

    text = json.dumps(data, ensure_ascii=ascii_only, indent=indent)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(
        ch if ch == "\n" or _is_drawn(ch) else json.dumps(ch)[1:-1].replace("\x7f", "\\u007f")
        for ch in text
    )


def _is_drawn(character: str) -> bool:
    return character.isprintable() and character not in _INVISIBLE
