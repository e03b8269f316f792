"""What futu-api's users wrote and what they write now print the same, line by line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..embedding.opend_thread import opend_in_thread
from ..interop.vendor import VENDORS_LOG, needs_vendor
from .pages import DOCS, SNIPPETS
from .snippets import MORNING

PAGE = (DOCS / "coming_from_futu_api.md").read_text("utf-8")
PAIRS = SNIPPETS / "from_futu"
NAMES = sorted(path.stem.removesuffix("_before") for path in PAIRS.glob("*_before.py"))


def printed(path: Path, port: int, home: Path) -> list[str]:
    """Run a program as a user would, and return its lines, the vendor's log aside."""
    script = home / path.name
    script.write_text(path.read_text("utf-8").replace("11111", str(port)), "utf-8")
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "HOME": str(home), "AIOCAPDIST_ADDRESS": f"tcp://127.0.0.1:{port}"},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return VENDORS_LOG.sub("", done.stdout).splitlines()


@needs_vendor
@pytest.mark.interop
@pytest.mark.parametrize("name", NAMES)
def test_both_print_the_same(name: str, tmp_path: Path) -> None:
    # The vendor's client asks for the flow of the year until today.
    moment = time.time() if name == "flow" else MORNING
    with opend_in_thread(seed=1, now=lambda: moment) as running:
        before = printed(PAIRS / f"{name}_before.py", running.port, tmp_path)
        after = printed(PAIRS / f"{name}_after.py", running.port, tmp_path)
    assert before == after
    shown = PAGE.partition(f"/{name}_after.py")[2].partition("```text\n")[2].partition("```")[0]
    if name == "flow":
        assert len(after) == len(shown.splitlines())
    else:
        assert after == shown.splitlines()


def test_each_program_has_its_counterpart() -> None:
    assert {path.name for path in PAIRS.glob("*.py")} == {
        f"{name}_{when}.py" for name in NAMES for when in ("before", "after")
    }
