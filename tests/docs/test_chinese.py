"""Start, the guides and what the figures mean are translated whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .pages import DOCS

pofile = pytest.importorskip("babel.messages.pofile", reason="Babel is not installed: nox -s docs")
pytest.importorskip("sphinx", reason="Sphinx is not installed: nox -s docs")

CATALOGUES = DOCS / "locale" / "zh_CN" / "LC_MESSAGES"
FILES = (
    "index.md",
    "coming_from_futu_api.md",
    "programs.md",
    "concepts/figures.md",
    "start/*",
    "guides/**/*",
)
PAGES = sorted(
    path.relative_to(DOCS).with_suffix("").as_posix()
    for pattern in FILES
    for path in DOCS.glob(pattern)
    if path.suffix == ".md"
)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages' texts, as Sphinx extracts them."""
    out = tmp_path_factory.mktemp("gettext")
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "gettext", str(DOCS), str(out)]
    subprocess.run(command, check=True, timeout=300)
    return out


def messages(path: Path) -> dict[str, str]:
    """Return the texts of a catalogue and their translations; fuzzy ones count as none."""
    with path.open("rb") as file:
        catalogue = pofile.read_po(file)
    return {
        str(message.id): "" if message.fuzzy else str(message.string)
        for message in catalogue
        if message.id
    }


def marks(text: str) -> list[str]:
    """Return code, targets of links and roles: what a translation must not change."""
    text = re.sub(r"(\{\w+\}`)[^`<]+<", r"\1<", text)  # the text of a role may
    text = re.sub(r":(\w+):`", r"{\1}`", text)  # docstrings are translated as pages are
    return sorted(re.findall(r"``[^`]+``|`[^`]+`|\]\([^)]+\)|\{\w+\}", text))


@pytest.mark.parametrize("page", PAGES)
def test_every_text_is_translated(texts: Path, page: str) -> None:
    translated = messages(CATALOGUES / f"{page}.po")
    wanted = messages(texts / f"{page}.pot")
    assert [text for text in wanted if not translated.get(text)] == []


@pytest.mark.parametrize("page", PAGES)
def test_code_and_links_stay_as_they_are(texts: Path, page: str) -> None:
    translated = messages(CATALOGUES / f"{page}.po")
    differing = [
        text
        for text in messages(texts / f"{page}.pot")
        if marks(text) != marks(translated.get(text, ""))
    ]
    assert differing == []
