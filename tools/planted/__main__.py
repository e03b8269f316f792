"""Plant known bugs in copies of the sources, one at a time: tests must reject each.

``python -m tools.planted [NAME…]`` copies sources and tests into a temporary folder, makes one
bug's edits at a time and runs the tests named for it. Exits with 1 unless they fail with each
bug, and pass without any.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from .bugs import BUGS, OWN_BUGS, Bug

ROOT = Path(__file__).parents[2]
TIMEOUT = 300.0  # seconds; a test that hangs ends sooner
ALL = BUGS | OWN_BUGS


class NotPlanted(Exception):
    """The sources have changed: an edit's text is not there, or not once."""


def main() -> int:
    chosen = sys.argv[1:] or list(ALL)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        _copy_to(copy)
        good = _report("no bug", _run(copy, {t for n in chosen for t in ALL[n].rejected_by}), 0)
        caught = 0
        for name in chosen:
            before = plant(copy, ALL[name])
            caught += _report(name, _run(copy, set(ALL[name].rejected_by)), 1)
            for path, text in before.items():
                path.write_text(text, "utf-8")
    print(f"{caught} of {len(chosen)} caught")
    return 0 if good and caught == len(chosen) else 1


def plant(root: Path, bug: Bug) -> dict[Path, str]:
    """Make a bug's edits in this tree; return the changed files' earlier text."""
    before: dict[Path, str] = {}
    for edit in bug.edits:
        path = root / edit.path
        text = path.read_text("utf-8")
        if text.count(edit.old) != 1:
            raise NotPlanted(f"{edit.path} has this {text.count(edit.old)} times:\n{edit.old}")
        before.setdefault(path, text)
        path.write_text(text.replace(edit.old, edit.new), "utf-8")
    return before


def _copy_to(copy: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("src", "tests", "tools"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)


def _run(copy: Path, tests: set[str]) -> tuple[int, float, str]:
    """Return pytest's exit code, the seconds it took, and its last lines."""
    path = f"{copy / 'src'}{os.pathsep}{copy}"
    environment = {**os.environ, "PYTHONPATH": path}
    # Two edits within one second could not be told apart by their times.
    for compiled in list(copy.rglob("__pycache__")):
        shutil.rmtree(compiled)
    options = ["-q", "-x", "-m", "", "-p", "no:cacheprovider", "-o", "faulthandler_timeout=60"]
    begin = perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *sorted(tests)],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, perf_counter() - begin, done.stdout[-3000:]


def _report(name: str, outcome: tuple[int, float, str], wanted: int) -> bool:
    code, seconds, output = outcome
    failed = [line for line in output.splitlines() if line.startswith("FAILED")]
    by = failed[0].removeprefix("FAILED ").partition(" - ")[0] if failed else ""
    # 1 is "tests failed"; other codes than 0 and 1 mean that pytest could not run them.
    verdict = {0: "passed", 1: "rejected"}.get(code, f"ended with {code}")
    print(f"{name:26} {verdict:12} {seconds:5.1f} s  {by}", flush=True)
    if code != wanted:
        print(output)
    return code == wanted


if __name__ == "__main__":
    raise SystemExit(main())
