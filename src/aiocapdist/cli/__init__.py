"""The command line: ``aiocapdist …``, or ``python -m aiocapdist …``."""

from __future__ import annotations

import sys

from .exit_codes import USAGE
from .streams import report


def main() -> None:
    """Run the command given in ``sys.argv`` and exit with its code."""
    if sys.argv[1:] == ["--version"]:  # without loading the parser
        print(version())
        return
    try:
        from .app import run

        sys.exit(run(sys.argv[1:]))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("cyclopts", "rich"):
            raise
        report("the command line needs two more packages: pip install 'aiocapdist[cli]'")
        sys.exit(USAGE)


def version() -> str:
    """Return the version of the installed package."""
    from importlib.metadata import version

    return version("aiocapdist")
