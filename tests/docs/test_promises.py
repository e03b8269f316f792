"""The page of promises names existing tests, and says of each whether its target is met."""

from __future__ import annotations

import re

from .pages import DOCS, ROOT, rows

PAGE = (DOCS / "builders" / "promises.md").read_text("utf-8")
PROMISES = [row for row in rows(PAGE) if row[0].isdecimal()]


def test_every_promise_has_its_row() -> None:
    numbers = [int(row[0]) for row in PROMISES]
    assert numbers == [*range(1, 38)]


def test_every_test_that_it_names_exists() -> None:
    for row in PROMISES:
        named = re.findall(r"`([\w/]+\.py)`", row[2])
        assert named, row
        folder = ROOT
        for name in named:
            folder = (ROOT / name).parent if "/" in name else folder
            assert (folder / name.rpartition("/")[2]).is_file(), name


def test_each_figure_has_a_target_and_says_whether_it_is_met() -> None:
    for _, _, _, figure, target, met in PROMISES:
        assert re.search(r"\d", figure), figure
        assert target
        assert re.search(r"\bmet\b|\bmissed\b", met), met


def test_each_scale_that_it_gives_is_read_by_its_test() -> None:
    """The scale is AIOCAPDIST_SCALE: the row's first test has to read it."""
    for row in PROMISES:
        if "\N{MULTIPLICATION SIGN}" in row[3]:
            test = ROOT / re.findall(r"`([\w/]+\.py)`", row[2])[0]
            assert re.search(r"\bSCALE\b|\bscaled\b", test.read_text("utf-8")), test
