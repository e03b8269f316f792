"""The command line: ``aiocapdist …``, or ``python -m aiocapdist …``."""

from __future__ import annotations

import sys

from .exit_codes import USAGE
from .stderr import say


def main() -> None:
    """Run the command that ``sys.argv`` asks for, and exit with its code."""
    try:
        from .app import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("cyclopts", "rich"):
            raise
        say("the command line needs two more packages: pip install 'aiocapdist[cli]'")
        sys.exit(USAGE)
    sys.exit(run(sys.argv[1:]))
