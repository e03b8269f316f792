"""Reading the pages: their blocks, their tables."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SNIPPETS = DOCS / "snippets"
README = ROOT / "README.md"


def blocks(page: Path) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and text, in order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    return [(language, text) for language, text in found]


def first_block(page: Path, language: str) -> str:
    """The first block in this language."""
    return next(text for found, text in blocks(page) if found == language)


def rows(text: str) -> list[list[str]]:
    """The cells of a Markdown table's rows, without the line below its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not all(set(cell) <= set("-:") for cell in row)]
