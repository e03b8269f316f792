"""A copy of this process, for a moment."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable


def in_a_fork(function: Callable[[], object]) -> int:
    """What the copy ended with: 0 where the function gave something true there, 1 where not;
    minus the signal that it was killed by."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there may be threads: it uses none
        pid = os.fork()
    if pid == 0:
        done: object = False
        try:
            done = function()
        finally:
            os._exit(0 if done else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
