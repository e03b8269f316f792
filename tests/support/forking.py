"""A program that forks another for each line of its input: one that has imported everything."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable


def fork_for_each_line(run: Callable[[str], object]) -> None:
    """Call ``run`` with each line of input in a process of its own, and print its id.

    All of them end with the input, which ends with the process that wrote it, however that did.
    Needs a process group of its own (``start_new_session``).
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            for inherited in (0, 1):
                os.close(inherited)
            try:
                run(line.rstrip("\n"))
            finally:
                os._exit(1)
        print(pid, flush=True)
    os.killpg(0, signal.SIGKILL)
