"""A bar with a middle: outflow to its left, inflow to its right. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.text import Text

IN, OUT, QUIET = "green", "red", "bright_black"
SHORTEST, LONGEST = 4, 14
"""Cells of a bar on each side of its middle: a narrow terminal gets shorter ones."""


class Marks(NamedTuple):
    """What bars are drawn with."""

    full: str
    left_half: str
    right_half: str
    middle: str


# Halves, not eighths: only these exist for both sides. They need no colour, and so look
# the same in a file.
BLOCKS = Marks("█", "▐", "▌", "│")
ASCII = Marks("#", "#", "#", "|")


@dataclass(frozen=True)
class Bar:
    """One bar to the scale of ``largest``, as wide as there is room."""

    outflow: float
    inflow: float
    largest: float

    def drawn(self, side: int, marks: Marks) -> Text:
        """The bar with ``side`` cells on each side of its middle."""
        left, right = (self._halves(value, side) for value in (self.outflow, self.inflow))
        # To the left in its column: centring would drop the blanks at its end.
        text = Text(" " * (side - (left + 1) // 2), justify="left", no_wrap=True)
        text.append(marks.left_half * (left % 2) + marks.full * (left // 2), style=OUT)
        text.append(marks.middle, style=QUIET)
        text.append(marks.full * (right // 2) + marks.right_half * (right % 2), style=IN)
        # To full width, so that the middles of all bars stand below each other.
        text.append(" " * (side - (right + 1) // 2))
        return text

    def _halves(self, value: float, side: int) -> int:
        """Half cells; what is not nothing shows at least one."""
        if value <= 0 or self.largest <= 0:
            return 0
        return max(1, min(2 * side, round(value / self.largest * 2 * side)))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(2 * SHORTEST + 1, 2 * LONGEST + 1)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        side = max(1, min(LONGEST, (options.max_width - 1) // 2))
        yield self.drawn(side, ASCII if options.ascii_only else BLOCKS)
