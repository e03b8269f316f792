"""The README in Chinese has the same parts and figures as the one in English."""

from __future__ import annotations

import re
from pathlib import Path

from .pages import README, ROOT, blocks, rows

CHINESE = ROOT / "README.zh-CN.md"


def sections(page: Path) -> list[str]:
    """Return the text below each heading, the head of the page first."""
    return re.split(r"^## .+$", page.read_text("utf-8"), flags=re.M)


def links(text: str) -> list[str]:
    return re.findall(r"\]\(([^)]+)\)", text)


def figures(text: str) -> list[str]:
    """Return numbers and names in code, which need no translation."""
    return sorted(re.findall(r"\d[\d.,]*\d|\d|`[^`]+`", text))


def test_both_have_the_same_code() -> None:
    assert blocks(CHINESE) == blocks(README)


def test_both_have_the_same_sections_with_the_same_links() -> None:
    own, other = sections(CHINESE), sections(README)
    assert len(own) == len(other)
    for here, there in zip(own[:-1], other[:-1], strict=True):
        assert [link.replace(".zh_CN.svg", ".svg") for link in links(here)] == links(there)
    swapped = [link.replace("README.md", "README.zh-CN.md") for link in links(own[-1])]
    assert swapped == links(other[-1])


def test_both_have_tables_and_lists_of_the_same_size() -> None:
    for here, there in zip(sections(CHINESE), sections(README), strict=True):
        assert [len(row) for row in rows(here)] == [len(row) for row in rows(there)]
        assert len(re.findall(r"^- ", here, re.M)) == len(re.findall(r"^- ", there, re.M))


def test_both_tell_the_same_figures_and_names() -> None:
    for here, there in zip(sections(CHINESE), sections(README), strict=True):
        for own, other in zip(rows(here), rows(there), strict=True):
            for cell, same in zip(own, other, strict=True):
                assert figures(cell) == figures(same), (cell, same)
