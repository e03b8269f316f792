"""The planted bugs keep up with the sources: an edit that does not apply proves nothing.

That each bug is rejected takes minutes, and is what ``nox -s planted`` runs: promise 22.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.planted.__main__ import ALL, ROOT, NotPlanted, plant
from tools.planted.bugs import BUGS, Bug, Edit


def test_each_bug_is_rejected_by_tests_that_exist() -> None:
    assert len(BUGS) == 8
    for bug in ALL.values():
        assert bug.story
        assert bug.rejected_by
        assert all((ROOT / test).is_file() for test in bug.rejected_by)


@pytest.mark.parametrize("name", ALL)
def test_each_bug_can_be_planted(name: str, tmp_path: Path) -> None:
    paths = {edit.path for edit in ALL[name].edits}
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes((ROOT / path).read_bytes())
    before = plant(tmp_path, ALL[name])
    assert set(before) == {tmp_path / path for path in paths}
    for file, text in before.items():
        changed = file.read_text("utf-8")
        assert changed != text
        compile(changed, str(file), "exec")


@pytest.mark.parametrize("text", ["", "old\nold\n"], ids=["absent", "twice"])
def test_an_edit_that_fits_nowhere_or_twice_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(text)
    bug = Bug("", (Edit("file.py", "old\n", "new\n"),), ())
    with pytest.raises(NotPlanted, match=r"file\.py"):
        plant(tmp_path, bug)
