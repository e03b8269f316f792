"""The application: its commands, each imported when it runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from . import version
from .codes import STANDARD_INPUT
from .exit_codes import OK, USAGE
from .help import ARGUMENTS, HELP
from .language import LANGUAGES, Language, choose_language, take_option, tr
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


@app.meta.default
def _start(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    language: Language | None = None,
) -> object:
    """Run one command.

    Parameters
    ----------
    language
        Language of messages, and of a simulated OpenD's error texts. By default that of the
        environment, such as LANG.
    """
    # The language is in use already: help and errors of the parser need it too.
    return app(tokens, exit_on_error=False, print_error=False, verbose=False)


def run(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code."""
    _drop_empty_variables()
    option, others = take_option(arguments)
    choose_language(option)
    # Only help and a wrong value need the parser of the option, which costs some time.
    needs_option = not others or {"--help", "-h"} & {*others} or option not in (None, *LANGUAGES)
    parser, given = (app.meta, arguments or ["--help"]) if needs_option else (app, others)
    if needs_option:
        from .help_formatter import HelpFormatter

        app.help_formatter = HelpFormatter()
    # The parser would take a lone dash for the beginning of an option.
    tokens = [STANDARD_INPUT if argument == "-" else argument for argument in given]
    try:
        result = parser(tokens, exit_on_error=False, print_error=False, verbose=False)
    except cyclopts.CycloptsError as error:
        command = " ".join(("aiocapdist", *(error.command_chain or ())))
        if isinstance(error, cyclopts.UnknownCommandError) and _is_code(tokens[0]):
            report(tr("{error} Try: {command}", error=error, command=f"{command} get {tokens[0]}"))
        else:
            report(tr("{error} See: {command} --help", error=error, command=command))
        return USAGE
    return result if isinstance(result, int) else OK


def _is_code(text: str) -> bool:
    from ..models._codes import guess_code

    return not text.isalpha() and guess_code(text) is not None


def _drop_empty_variables() -> None:
    """Unset variables that say nothing: the parser takes them for values, Rich for a width."""
    for name, value in list(os.environ.items()):
        empty = name.startswith("AIOCAPDIST_") and not value
        if empty or (name in ("COLUMNS", "LINES") and not value.strip("0")):
            del os.environ[name]
