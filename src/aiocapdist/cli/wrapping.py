"""Wrap text to cells of a terminal, where Chinese may break between any two characters. Pure."""

from __future__ import annotations

import re

from rich.cells import cell_len

_WIDE = "\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60"
_OPENING = "\uff08\u300a\u300c\u300e\u3010"
_CLOSING = "\uff0c\u3002\uff1b\uff1a\u3001\uff01\uff1f\uff09\u300b\u300d\u300f\u3011"
# A word or a wide character, with the punctuation that must not be parted from it.
_UNIT = re.compile(rf"\s*[{_OPENING}]*(?:[^\s{_WIDE}]+|[{_WIDE}])[{_CLOSING}]*")


def wrap(text: str, width: int) -> list[str]:
    """Return the lines of a text; a word longer than a line has one of its own."""
    lines = [""]
    for unit in _UNIT.findall(text):
        if lines[-1] and cell_len(lines[-1] + unit) > width:
            lines.append(unit.lstrip())
        else:
            lines[-1] += unit if lines[-1] else unit.lstrip()
    return lines
