"""The planted bugs keep up with the sources: a patch that no longer applies proves nothing.

That each is rejected too takes minutes, and is what ``nox -s planted`` is for: promise 22.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.planted.__main__ import REJECTED_BY, ROOT, apply

PATCHES = sorted((ROOT / "tools" / "planted").glob("*.patch"))


def test_each_patch_is_rejected_by_tests_that_exist() -> None:
    assert sorted(REJECTED_BY) == [patch.stem for patch in PATCHES]
    assert len(PATCHES) == 8
    for tests in REJECTED_BY.values():
        assert all((ROOT / test).is_file() for test in tests)


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_it_says_whose_bug_it_is_and_applies(patch: Path, tmp_path: Path) -> None:
    text = patch.read_text("utf-8")
    head, _, diff = text.partition("diff --git ")
    assert head.strip()
    changed = {line[6:] for line in diff.splitlines() if line.startswith("--- a/")}
    for name in changed:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    apply(tmp_path, patch.stem)
    assert all((tmp_path / name).read_bytes() != (ROOT / name).read_bytes() for name in changed)
