"""Find the codes in the text of a file: lists, and tables with names beside codes. Pure."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator

from ..models._codes import guess_code

SEPARATORS = re.compile("[,\uff0c\u3001;\uff1b]")
_CODE_WORDS = ("代码", "代碼", "代号", "代號")
_HEADS = frozenset(
    {"code", "codes", "symbol", "symbols", "ticker", "tickers", "security", "stock"}
    | {f"{of}{word}" for of in ("", "股票", "证券", "證券") for word in _CODE_WORDS}
)


def decode(data: bytes) -> str:
    """Return the text: UTF-8, UTF-16 with a byte order mark, or GB18030.

    Excel writes UTF-16, and Chinese trading programs the last. Raises UnicodeDecodeError.
    """
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")  # editors on Windows write a byte order mark
    except UnicodeDecodeError:
        return data.decode("gb18030")


def split_codes(text: str) -> Iterator[str]:
    """Yield the codes as they are written; ``#`` begins a comment.

    White space, commas and semicolons, Chinese ones too, separate codes. If the first line
    has a cell such as ``code`` or ``代码``, the codes are in that column. Otherwise names are
    skipped that are in another column than the code, or not in Latin letters.
    """
    stripped = (line.partition("#")[0].strip(" \r\n") for line in text.splitlines())
    lines = [line for line in stripped if line.strip()]
    heads = [cell.casefold() in _HEADS for cell in _cells(lines[0])] if lines else []
    if True not in heads:
        for line in lines:
            yield from _codes_beside_names(line)
        return
    column = heads.index(True)
    for line in lines[1:]:
        yield from filter(None, _cells(line)[column : column + 1])


def _cells(line: str) -> list[str]:
    if '"' in line:
        import csv

        line = SEPARATORS.sub(",", line)
        try:
            cells = next(csv.reader([line], delimiter="\t" if "\t" in line else ","))
        except csv.Error:  # a cell is too long
            cells = [line]
    else:
        cells = line.split("\t") if "\t" in line else SEPARATORS.split(line)
    return [cell.strip() for cell in cells]


def _codes_beside_names(line: str) -> list[str]:
    cells = _cells(line)
    if "\t" in line:
        certain = [cell for cell in cells if _has_market(cell)]
        return certain or [next(filter(guess_code, cells), cells[0])]
    words = [word for cell in cells for word in ([cell] if guess_code(cell) else cell.split())]
    return [word for word in words if word.isascii() or guess_code(word)] or words


def _has_market(cell: str) -> bool:
    """True for a code that cannot be a name: with a market, and digits or a dot."""
    guess = guess_code(cell)
    return guess is not None and not guess.added and not cell.isalpha() and " " not in cell
