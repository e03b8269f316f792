"""CPU time of each callback that an asyncio loop runs, so that other programs do not disturb."""

from __future__ import annotations

import asyncio.events
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time
from typing import Any

import pytest


class CallbackTimes:
    """CPU seconds of the event loop's callbacks."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.total = 0.0
        self.over = False

    def add(self, seconds: float) -> None:
        if not self.over:
            self.longest = max(self.longest, seconds)
            self.total += seconds


@contextmanager
def callback_times() -> Iterator[CallbackTimes]:
    """Measure every callback that the event loop runs meanwhile."""
    times = CallbackTimes()
    plain: Any = asyncio.events.Handle._run

    def run(handle: Any) -> None:
        began = thread_time()
        try:
            plain(handle)
        finally:
            times.add(thread_time() - began)

    gc.collect()
    gc.disable()  # a collection of everything that the tests have made is nobody's callback
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.events.Handle, "_run", run)
        try:
            yield times
        finally:
            times.over = True  # the callback that runs now goes on with what is not measured
            gc.enable()
