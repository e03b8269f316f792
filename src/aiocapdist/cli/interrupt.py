"""Ctrl-C, in one place: it ends the waiting, and what comes after still runs."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible() -> Iterator[anyio.CancelScope]:
    """Ctrl-C and SIGTERM cancel what is inside; the scope's ``cancelled_caught`` tells.

    Plain handlers rather than the loop's own, which Windows does not have. What whoever
    started us has set to be ignored stays so: a shell's background job survives the
    Ctrl-C that is meant for another.
    """
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:

        def interrupt(number: int, frame: object) -> None:
            # Through the loop, so that it wakes if it sleeps.
            loop.call_soon_threadsafe(scope.cancel)

        heeded = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
        before = [(each, signal.signal(each, interrupt)) for each in heeded]
        try:
            yield scope
        finally:
            for each, handler in before:
                signal.signal(each, handler)
