"""Scripts in a new interpreter where every warning is an error."""

from __future__ import annotations

import os
import subprocess
import sys


def run(script: str, *, key: str = "") -> str:
    """Return what the script prints, with the last line of its standard error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "KEY": key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr or done.returncode
    return done.stdout + done.stderr.strip().rpartition("\n")[2]
