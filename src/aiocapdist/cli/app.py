"""The commands, put together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version

import cyclopts

from .codes import STANDARD_INPUT
from .commands import get, quota, simulate
from .exit_codes import INTERRUPTED, OK, USAGE
from .stderr import hush, say

app = cyclopts.App(
    name="aiocapdist",
    help="Capital distribution from Futu/moomoo OpenD: who buys and sells, by size of order.",
    version=version("aiocapdist"),
    result_action="return_value",
    # Ctrl-C is answered below, with a line of our own.
    suppress_keyboard_interrupt=False,
)
app.command(get.get, usage="Usage: aiocapdist get CODE... [OPTIONS]")
app.command(quota.quota)
app.command(simulate.simulate)


def run(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code."""
    # By itself the parser takes a lone dash for the beginning of an option.
    tokens = [STANDARD_INPUT if argument == "-" else argument for argument in arguments]
    try:
        result = app(tokens, exit_on_error=False, print_error=False, verbose=False)
    except cyclopts.CycloptsError as error:
        command = " ".join(("aiocapdist", *(error.command_chain or ())))
        say(f"{error} See: {command} --help")
        return USAGE
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        hush(sys.stdout)
        return OK
    return result if isinstance(result, int) else OK
