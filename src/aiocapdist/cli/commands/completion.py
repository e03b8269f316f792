"""``aiocapdist completion``: a script that lets a shell complete commands and options."""

from __future__ import annotations

from typing import Literal

from ..exit_codes import OK
from ..streams import write

# The generated script only defines a function. It is registered here, so that `eval` will do, and
# called too where a file of `fpath`, of any name, is loaded to complete something.
ZSH_END = """
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _cyclopts_aiocapdist aiocapdist
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _cyclopts_aiocapdist "$@"; fi
"""


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print a script that lets your shell complete commands and options.

    Parameters
    ----------
    shell
        Your shell.
    """
    from ..app import app

    script = app.generate_completion(shell=shell).rstrip()
    write(f"{script}\n{ZSH_END if shell == 'zsh' else ''}")
    return OK
