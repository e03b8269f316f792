"""Ctrl-C and SIGTERM: the first cancels the command, which prints what it has; another one
ends the process at once. While the command loads, the first one does.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from .exit_codes import INTERRUPTED
from .language import tr

if TYPE_CHECKING:
    import anyio

SIGNALS = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, FrameType | None], None]
_last_words: list[bytes] = []


def exit_on_signal() -> None:
    """Let Ctrl-C and SIGTERM end the process at once, without a traceback."""
    _install(_exit_at_once)


@contextmanager
def cancel_on_signal() -> Iterator[anyio.CancelScope]:
    """Cancel the body on Ctrl-C or SIGTERM; the scope's ``cancelled_caught`` is then True.

    A second signal ends the process at once. Uses plain signal handlers, since Windows has
    no event loop handlers.
    """
    import asyncio

    import anyio

    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:

        def cancel(number: int, frame: FrameType | None) -> None:
            _install(_exit_at_once)
            loop.call_soon_threadsafe(scope.cancel)  # wakes a sleeping loop too

        previous = _install(cancel)
        try:
            yield scope
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


@contextmanager
def written_on_exit(data: bytes) -> Iterator[None]:
    """Write these bytes to standard error if a signal ends the process in the body."""
    _last_words.insert(0, data)
    try:
        yield
    finally:
        _last_words.remove(data)


def _install(handler: Handler) -> dict[signal.Signals, signal._HANDLER]:
    """Install the handler; return the previous ones.

    Signals that the parent process set to be ignored stay ignored: a shell's background
    job must not end on the Ctrl-C meant for another program.
    """
    handled = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    return {each: signal.signal(each, handler) for each in handled}


def _interrupted() -> bytes:
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    return f"aiocapdist: {tr('interrupted')}\n".encode(encoding, "replace")


def _exit_at_once(number: int, frame: FrameType | None) -> None:
    # Not by an exception, which code anywhere could catch or delay; and not through
    # sys.stderr, which may be in use at this moment.
    try:
        os.write(2, b"".join((*_last_words, _interrupted())))
    except OSError:
        pass
    os._exit(INTERRUPTED)
