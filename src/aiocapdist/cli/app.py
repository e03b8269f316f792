"""The application: its commands, each imported when it runs."""

from __future__ import annotations

from collections.abc import Sequence

import cyclopts

from . import version
from .codes import STANDARD_INPUT
from .exit_codes import OK, USAGE
from .help import ARGUMENTS, HELP
from .streams import report

app: cyclopts.App = cyclopts.App(
    name="aiocapdist",
    help="Capital distribution from Futu/moomoo OpenD: who buys and sells, by size of order.",
    help_format="plaintext",
    version=version,
    result_action="return_value",
    # See interrupt.py.
    suppress_keyboard_interrupt=False,
)
for _name, _paragraphs in HELP.items():
    app.command(
        f"aiocapdist.cli.commands.{_name}:{_name}",
        help="\n\n".join(_paragraphs),
        usage=f"Usage: aiocapdist {_name} {ARGUMENTS.get(_name, '[OPTIONS]')}",
    )


def run(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code."""
    # The parser would take a lone dash for the beginning of an option.
    tokens = [STANDARD_INPUT if argument == "-" else argument for argument in arguments]
    try:
        result = app(tokens, exit_on_error=False, print_error=False, verbose=False)
    except cyclopts.CycloptsError as error:
        command = " ".join(("aiocapdist", *(error.command_chain or ())))
        report(f"{error} See: {command} --help")
        return USAGE
    return result if isinstance(result, int) else OK
