"""The pictures of the command line show what it draws today."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from tools.screenshots import FOLDER, main

from ..docs.pages import DOCS

PICTURES = ("flow", "get", "plot", "progress", "ranking", "watch")
IN_CHINESE = [f"{name}.zh_CN" for name in PICTURES if name != "plot"]


def texts(path: Path) -> list[str]:
    """Return the texts of an SVG; of a plot its titles, the rest is matplotlib's."""
    found = re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text("utf-8"))
    lines = [html.unescape(text).replace("\xa0", " ").strip() for text in found]
    return [line for line in lines if path.stem != "plot" or ": inflow" in line]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the pictures of today."""
    folder = tmp_path_factory.mktemp("screenshots")
    main(["--folder", str(folder)])
    return folder


def test_every_picture_is_made_and_kept(made: Path) -> None:
    for folder in (made, FOLDER):
        kept = {path.name for path in folder.iterdir()}
        assert kept == {f"{name}.svg" for name in (*PICTURES, *IN_CHINESE)}


@pytest.mark.parametrize("name", [*PICTURES, *IN_CHINESE])
def test_a_picture_is_true(made: Path, name: str) -> None:
    """If not: python -m tools.screenshots."""
    kept = texts(FOLDER / f"{name}.svg")
    assert kept == texts(made / f"{name}.svg")
    assert len(kept) > 1


@pytest.mark.parametrize("name", ["get", "ranking", "flow", "watch"])
def test_chinese_pages_have_chinese_pictures(name: str) -> None:
    assert "净额" in "".join(texts(FOLDER / f"{name}.zh_CN.svg"))
    assert "net" in "".join(texts(FOLDER / f"{name}.svg"))


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_loads_nothing_and_stands_on_the_page(name: str) -> None:
    text = (FOLDER / f"{name}.svg").read_text("utf-8")
    assert not re.search(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!#)\s*(?:https?:)?//", text)
    assert "<script" not in text
    page = (DOCS / "reference" / "cli.md").read_text("utf-8")
    assert f"](screenshots/{name}.svg)" in page
