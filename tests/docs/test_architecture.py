"""The page on architecture agrees with the sources: its layers, its rooms, its file names."""

from __future__ import annotations

import re
import tomllib
from itertools import groupby

import pytest

from .pages import DOCS, ROOT

PACKAGE = ROOT / "src" / "aiocapdist"
TEXT = (DOCS / "builders" / "architecture.md").read_text("utf-8")
PICTURE = TEXT.partition("```text")[2].partition("```")[0]
MOST_FILES = 14  # at the top of the package


def rooms() -> set[str]:
    """Return the names of the files and folders at the top of the package."""
    found = {path.stem for path in PACKAGE.iterdir() if path.suffix in ("", ".py")}
    return found - {"__init__", "__pycache__"}


def layers() -> list[list[str]]:
    """Return the layers of the import contract, each as its rooms."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (contract,) = [
        each for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers"
    ]
    return [re.findall(r"\w+", layer) for layer in contract["layers"]]


def test_the_picture_has_the_layers_of_the_import_contract_in_their_order() -> None:
    drawn = [re.split(r" {3,}", line.strip()) for line in PICTURE.strip().splitlines()]
    known = rooms()
    found = [[name for cell in row for name in cell.split() if name in known] for row in drawn]
    firsts = [row[: len(layer)] for row, layer in zip(found, layers(), strict=True)]
    assert firsts == layers()


def test_every_room_has_a_layer() -> None:
    assert {room for layer in layers() for room in layer} == rooms()


def test_few_files_lie_at_the_top() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_FILES


def test_every_file_that_it_names_exists() -> None:
    named = set(re.findall(r"`([\w/]+(?:\.py|\.toml|/))`", TEXT))
    assert len(named) > 20
    missing = {
        name for name in named if not (PACKAGE / name).exists() and not (ROOT / name).exists()
    }
    assert missing == set()


@pytest.mark.parametrize("title", ["from the code to the wire", "from the bytes to the model"])
def test_a_walk_enters_each_room_once(title: str) -> None:
    walk = TEXT.partition(f", {title}\n")[2].partition("\n## ")[0]
    steps = [room for room, _ in groupby(re.findall(r"^\d\. `(\w+)/[\w/]+\.py`", walk, re.M))]
    assert len(steps) >= 4
    assert len(set(steps)) == len(steps), steps
