"""Check the arguments of the simulator."""

from __future__ import annotations

import math
from typing import TypeGuard

from .faults import Faults


def check_arguments(
    language: object, quota: object, latency: object, faults: object, now: object
) -> None:
    """Raise TypeError or ValueError for an argument that is none of its kind or range."""
    if language not in ("zh", "en"):
        raise ValueError(f"language must be 'zh' or 'en', not {language!r}")
    low, high = latency if _is_pair(latency) else (latency, latency)
    if not (_is_number(low) and _is_number(high) and 0 <= low <= high < math.inf):
        raise ValueError(f"latency must be seconds or a (low, high) pair, not {latency!r}")
    if quota is not None:
        calls, seconds = quota if _is_pair(quota) else (0, 0)
        if not (
            _is_number(calls) and _is_number(seconds) and calls >= 1 and 0 < seconds < math.inf
        ):
            raise ValueError(f"quota must be (calls, seconds) or None, not {quota!r}")
    if not isinstance(faults, Faults):
        raise TypeError(f"faults is a Faults, such as Faults(script=[…]), not {faults!r}")
    if not callable(now):
        raise TypeError(f"now is a function that returns a Unix time, not {now!r}")


def _is_pair(value: object) -> TypeGuard[tuple[object, object]]:
    return isinstance(value, tuple) and len(value) == 2


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float)
