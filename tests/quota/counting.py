"""What a piece of work costs, counted in operations, so that no machine is too slow."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any


def operations(work: Callable[[], Any]) -> int:
    """How many functions are called by ``work``, Python's own and those written in C.

    Not a trace of lines, which coverage needs for itself. What others do when garbage is collected
    is not counted: Hypothesis measures that.
    """
    calls = 0

    def count(frame: Any, event: str, arg: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    gc.disable()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
        gc.enable()
    return calls
