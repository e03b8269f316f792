"""What the README shows is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .pages import DOCS, README, ROOT, SNIPPETS, blocks, first_block


def test_the_ten_lines_are_the_tested_file() -> None:
    assert first_block(README, "python") == (SNIPPETS / "first.py").read_text("utf-8")


def test_the_ten_lines_are_at_most_twelve() -> None:
    lines = first_block(README, "python").splitlines()
    assert len([line for line in lines if line.strip()]) <= 12


def test_the_ten_lines_run_as_they_stand(tmp_path: Path) -> None:
    script = tmp_path / "ten_lines.py"
    script.write_text(first_block(README, "python"), "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    # Figures change with the time of day; their places do not.
    assert without_amounts(done.stdout) == without_amounts(first_block(README, "text"))
    assert first_block(DOCS / "index.md", "text") == first_block(README, "text")


def without_amounts(text: str) -> str:
    return re.sub(r" +[+-][\d,]+", " AMOUNT", text)


def test_the_two_commands_come_before_anything_else_to_run() -> None:
    language, text = blocks(README)[0]
    assert language == "sh"
    first, second = text.splitlines()
    assert first.endswith(".venv/bin/aiocapdist get HK.00700 US.AAPL SH.600519 --simulate")
    assert second.endswith("-m pytest -q -n 4 --dist loadfile")


def test_ci_ends_with_the_second_command() -> None:
    second = first_block(README, "sh").splitlines()[1]
    script = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert script[-1] == second
    assert "set -euo pipefail" in script


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_have_targets(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    targets = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert [target for target in targets if not (ROOT / target).is_file()] == []
