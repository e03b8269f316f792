"""Check the arguments of the simulator."""

from __future__ import annotations

import math


def check_arguments(
    language: str, quota: tuple[int, float] | None, latency: float | tuple[float, float]
) -> None:
    """Raise ValueError for an argument that is out of its range."""
    if language not in ("zh", "en"):
        raise ValueError(f"language must be 'zh' or 'en', not {language!r}")
    low, high = latency if isinstance(latency, tuple) else (latency, latency)
    if not 0 <= low <= high < math.inf:
        raise ValueError(f"latency must be seconds or a (low, high) pair, not {latency!r}")
    if quota is not None and not (quota[0] >= 1 and 0 < quota[1] < math.inf):
        raise ValueError(f"quota must be (calls, seconds) or None, not {quota!r}")
