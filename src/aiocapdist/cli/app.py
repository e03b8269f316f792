"""The application: its commands, each imported when it runs."""

from __future__ import annotations

from collections.abc import Sequence

import cyclopts

from . import version
from .codes import STANDARD_INPUT
from .exit_codes import OK, USAGE
from .streams import report

# Here and not in the commands' docstrings, so that `--help` imports no command.
_HELP = {
    "get": (
        "Get the capital distribution of some securities, once.",
        "For example: aiocapdist get HK.00700 US.AAPL --simulate",
        (
            "Exit codes: 0 all answered, 1 some codes failed, 2 wrong usage, 3 OpenD or the "
            "shared quota not reached, 4 the output could not be written, 130 interrupted (the "
            "answers so far are printed)."
        ),
    ),
    "quota": (
        "Show a shared quota: who holds which tokens, and when the next is free.",
        "For example: aiocapdist quota --file capdist.quota",
        "It only reads: it takes no token and changes nothing.",
        "Exit codes: 0 shown, 2 wrong usage, 3 there is no such quota or it cannot be read.",
    ),
    "simulate": (
        "Run a simulated OpenD until Ctrl-C. The vendor's own clients work against it too.",
        "For example: aiocapdist simulate --port 11111",
        "Exit codes: 0 ended by Ctrl-C, 2 wrong usage, 3 the address cannot be listened on.",
    ),
    "completion": (
        "Print a script that lets your shell complete commands and options.",
        'For example: eval "$(aiocapdist completion bash)"',
        "In fish: aiocapdist completion fish | source",
    ),
}
_ARGUMENTS = {"get": "CODE... [OPTIONS]", "completion": "bash|zsh|fish"}

app: cyclopts.App = cyclopts.App(
    name="aiocapdist",
    help="Capital distribution from Futu/moomoo OpenD: who buys and sells, by size of order.",
    help_format="plaintext",
    version=version,
    result_action="return_value",
    # See interrupt.py.
    suppress_keyboard_interrupt=False,
)
for _name, _paragraphs in _HELP.items():
    app.command(
        f"aiocapdist.cli.commands.{_name}:{_name}",
        help="\n\n".join(_paragraphs),
        usage=f"Usage: aiocapdist {_name} {_ARGUMENTS.get(_name, '[OPTIONS]')}",
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
