"""Standard output as something to draw on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .formats import Colors
from .streams import write

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from .drawing import Style


def canvas(colors: Colors) -> tuple[Console, Style]:
    """Return how standard output is drawn on: its width, encoding and colours."""
    from rich.console import Console

    from .drawing import make_style

    console = Console(file=sys.stdout, highlight=False)
    if colors == "none":
        console = Console(file=sys.stdout, highlight=False, color_system=None)
    return console, make_style(colors, ascii_only=console.options.ascii_only)


def write_lines(console: Console, lines: Sequence[Text]) -> None:
    """Write lines to standard output."""
    # Rendered first and then written as in all formats, so that a progress bar makes room
    # for it and write errors are handled in one place.
    with console.capture() as captured:
        for line in lines:
            console.print(line)
    write(captured.get())
