"""The page of promises names tests that are there."""

from __future__ import annotations

import re

from .pages import DOCS, ROOT, rows

PAGE = (DOCS / "promises.md").read_text("utf-8")


def test_every_promise_has_its_row() -> None:
    numbers = [int(row[0]) for row in rows(PAGE)[1:]]
    assert numbers == [n for n in range(1, 23) if n != 7]


def test_every_test_it_names_is_there() -> None:
    for row in rows(PAGE)[1:]:
        named = re.findall(r"`([\w/]+\.py)`", row[2])
        assert named, row
        folder = ROOT
        for name in named:
            folder = (ROOT / name).parent if "/" in name else folder
            assert (folder / name.rpartition("/")[2]).is_file(), name
