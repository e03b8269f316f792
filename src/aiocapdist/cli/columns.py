"""Lines of columns, as many as there is room for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from rich.text import Text

T = TypeVar("T")
GAP = 2
"""Cells between two columns."""


class Column(NamedTuple, Generic[T]):
    """One column: its title, and a cell for each item."""

    title: str
    cell: Callable[[T], Text]
    is_left: bool = False


def column_lines(
    columns: Sequence[Column[T]], items: Sequence[T], width: int, rule: str
) -> list[Text]:
    """Return a head, a rule and a line for each item. The first columns that fit are shown."""
    cells = [[column.cell(each) for each in items] for column in columns]
    widths = [
        max(len(column.title), *map(len, texts))
        for column, texts in zip(columns, cells, strict=True)
    ]
    count, room = 0, width + GAP
    while count < len(columns) and (room := room - widths[count] - GAP) >= 0:
        count += 1
    count = max(1, count)

    def line(texts: Sequence[Text]) -> Text:
        padded = [
            text + blanks if column.is_left else blanks + text
            for column, text, wide in zip(columns[:count], texts, widths[:count], strict=True)
            for blanks in [Text(" " * (wide - len(text)))]
        ]
        joined = Text(" " * GAP, no_wrap=True, overflow="ellipsis").join(padded)
        joined.rstrip()
        return joined

    head = line([Text(column.title, "bold") for column in columns[:count]])
    ruled = Text(rule * min(width, sum(widths[:count]) + GAP * (count - 1)))
    rows = zip(*cells[:count], strict=True)
    return [head, ruled, *map(line, rows)]
