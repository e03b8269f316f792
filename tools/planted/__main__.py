"""Plants the known bugs of other clients in copies of this one: each must be rejected.

``python -m tools.planted [NAME…]`` copies sources and tests into a temporary folder, applies
one patch at a time and runs the tests named for it. Ends with 1 unless each patch makes them
fail, and they pass without any.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PATIENCE = 300.0  # seconds; a test that hangs is told on long before
KNOWN = "tests/promises/test_known_bugs.py"

# Which tests must reject each patch.
REJECTED_BY = {
    "reply-to-the-next-caller": (KNOWN, "tests/_protocol/test_session_forget.py"),
    "shielded-wait": (KNOWN,),
    "serial-guessed": ("tests/_protocol/test_session_replies.py",),
    "buffer-kept": (KNOWN,),
    "left-pending": ("tests/_connection/test_losing.py",),
    "reader-starved": (KNOWN,),
    "token-free-at-cancel": ("tests/_client/test_cancelling.py",),
    "token-cools-from-sending": ("tests/virtual/test_quota_in_time.py",),
}


def main() -> int:
    chosen = sys.argv[1:] or list(REJECTED_BY)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        _copy_to(copy)
        good = _tell("without a patch", _run(copy, {t for n in chosen for t in REJECTED_BY[n]}), 0)
        caught = 0
        for name in chosen:
            apply(copy, name)
            caught += _tell(name, _run(copy, set(REJECTED_BY[name])), 1)
            apply(copy, name, "--reverse")
    print(f"{caught} of {len(chosen)} caught")
    return 0 if good and caught == len(chosen) else 1


def _copy_to(copy: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("src", "tests", "tools"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)


def apply(copy: Path, name: str, *options: str) -> None:
    """Apply a patch to the sources in this folder. One that does not apply is an error."""
    # Within a repository git would take the paths for the repository's, and change nothing.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.parent)}
    command = ["git", "apply", *options, str(HERE / f"{name}.patch")]
    subprocess.run(command, cwd=copy, env=environment, check=True)


def _run(copy: Path, tests: set[str]) -> tuple[int, float, str]:
    """Pytest's exit code, the seconds it took, and its last lines."""
    path = f"{copy / 'src'}{os.pathsep}{copy}"
    # Without files of what was compiled: one second's edits are not told apart by their times.
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    options = ["-q", "-x", "-p", "no:cacheprovider", "-o", "faulthandler_timeout=60"]
    begin = perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *sorted(tests)],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, perf_counter() - begin, done.stdout[-3000:]


def _tell(name: str, outcome: tuple[int, float, str], wanted: int) -> bool:
    code, seconds, told = outcome
    failed = [line for line in told.splitlines() if line.startswith("FAILED")]
    by = failed[0].removeprefix("FAILED ").partition(" - ")[0] if failed else ""
    # 1 is "tests failed"; any other code but 0 is a run that came about in no right way.
    verdict = {0: "passed", 1: "rejected"}.get(code, f"ended with {code}")
    print(f"{name:26} {verdict:12} {seconds:5.1f} s  {by}", flush=True)
    if code != wanted:
        print(told)
    return code == wanted


if __name__ == "__main__":
    raise SystemExit(main())
