"""Read pages: their code blocks and tables."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SNIPPETS = DOCS / "snippets"
README = ROOT / "README.md"


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the fenced blocks of a page: language and text, in order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    return [(language, text) for language, text in found]


def first_block(page: Path, language: str) -> str:
    """Return the text of the first block in this language."""
    return next(text for found, text in blocks(page) if found == language)


def rows(text: str) -> list[list[str]]:
    """Return the cells of a Markdown table's rows, without the line below the head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not all(set(cell) <= set("-:") for cell in row)]
