"""Ctrl-C and SIGTERM: cancel the running command, so that it can finish its output."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def cancel_on_signal() -> Iterator[anyio.CancelScope]:
    """Cancel the body on Ctrl-C or SIGTERM; the scope's ``cancelled_caught`` is then True.

    Uses plain signal handlers, since Windows has no event loop handlers. Signals that the
    parent process set to be ignored stay ignored: a shell's background job must not end
    on the Ctrl-C meant for another program.
    """
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:

        def interrupt(number: int, frame: object) -> None:
            loop.call_soon_threadsafe(scope.cancel)  # wakes a sleeping loop too

        handled = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
        previous = [(each, signal.signal(each, interrupt)) for each in handled]
        try:
            yield scope
        finally:
            for each, handler in previous:
                signal.signal(each, handler)
