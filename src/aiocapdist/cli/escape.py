"""Escape text from elsewhere for where it is shown. Pure."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Return the text on one line, with characters that a terminal would act on escaped.

    Texts come from OpenD, files, servers and arguments, so none of them is trusted.
    """
    line = " ".join(text.split())
    return "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in line)
