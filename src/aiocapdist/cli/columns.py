"""Lines of columns, as many as there is room for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from rich.text import Text

from .language import tr

T = TypeVar("T")
GAP = 2
"""Cells between two columns."""


class Column(NamedTuple, Generic[T]):
    """One column: its title, translated where it is shown, and a cell for each item."""

    title: str
    cell: Callable[[T], Text]
    is_left: bool = False


def column_lines(
    columns: Sequence[Column[T]], items: Sequence[T], width: int, rule: str
) -> list[Text]:
    """Return a head, a rule and a line for each item. The first columns that fit are shown."""
    cells = [
        [Text(tr(column.title), "bold"), *(column.cell(each) for each in items)]
        for column in columns
    ]
    # Cells of the terminal, not characters: Chinese ones take two.
    widths = [max(text.cell_len for text in texts) for texts in cells]
    count, room = 0, width + GAP
    while count < len(columns) and (room := room - widths[count] - GAP) >= 0:
        count += 1
    count = max(1, count)

    def line(texts: Sequence[Text]) -> Text:
        padded = [
            text + blanks if column.is_left else blanks + text
            for column, text, wide in zip(columns[:count], texts, widths[:count], strict=True)
            for blanks in [Text(" " * (wide - text.cell_len))]
        ]
        joined = Text(" " * GAP, no_wrap=True, overflow="ellipsis").join(padded)
        joined.rstrip()
        return joined

    ruled = Text(rule * min(width, sum(widths[:count]) + GAP * (count - 1)))
    head, *rows = map(line, zip(*cells[:count], strict=True))
    return [head, ruled, *rows]
