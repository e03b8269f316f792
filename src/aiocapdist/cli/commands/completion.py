"""``aiocapdist completion``: a script that lets a shell complete commands and options."""

from __future__ import annotations

from typing import Literal

from ..exit_codes import OK
from ..streams import write


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print a script that lets your shell complete commands and options.

    Parameters
    ----------
    shell
        The shell that the script is for.
    """
    from ..app import app

    write(f"{app.generate_completion(shell=shell).rstrip()}\n")
    return OK
