"""The command line: ``aiocapdist …``, or ``python -m aiocapdist …``."""

from __future__ import annotations

import atexit
import gc
import sys

from .exit_codes import NOT_WRITTEN, OK, USAGE
from .interrupt import exit_on_signal
from .language import choose_language, take_option, tr
from .streams import OutputError, replace_standard_streams, report, write


def main() -> None:
    """Run the command given in ``sys.argv`` and exit with its code."""
    if not sys.flags.dev_mode:
        # All memory goes with the process: a last search for garbage would be a sixth of `get`.
        atexit.register(gc.freeze)
    try:
        replace_standard_streams()
        exit_on_signal()
        choose_language(take_option(sys.argv[1:])[0])
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except OutputError as error:
        report(tr("cannot write the output: {error}", error=error))
        code = NOT_WRITTEN
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:  # without loading the parser
        write(f"{version()}\n")
        return OK
    try:
        from .app import run

        return run(arguments)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("cyclopts", "rich"):
            raise
        report(tr("the command line needs two more packages: pip install 'aiocapdist[cli]'"))
        return USAGE


def version() -> str:
    """Return the version of the installed package."""
    from importlib.metadata import version

    return version("aiocapdist")
