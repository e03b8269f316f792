"""How large a run is: small by default, so that it can be had every time; AIOCAPDIST_SCALE=10
is ten times as much of everything, as the soak has it."""

from __future__ import annotations

import os

SCALE = float(os.environ.get("AIOCAPDIST_SCALE", "1"))


def scaled(number: int) -> int:
    """So many of something, at the scale of this run; at least one."""
    return max(1, round(number * SCALE))


def figure(row: int, **measured: object) -> None:
    """Tell what was measured for this row of the promises: ``pytest -rP`` shows it."""
    said = ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in measured.items())
    print(f"row {row}: {said}")
