"""The size of a run: small by default; AIOCAPDIST_SCALE=10 is ten times as much of everything."""

from __future__ import annotations

import os

SCALE = float(os.environ.get("AIOCAPDIST_SCALE", "1"))


def scaled(number: int) -> int:
    """Return this number at the scale of the run, at least 1."""
    return max(1, round(number * SCALE))


def figure(row: int, **measured: object) -> None:
    """Print what was measured for this promise: ``pytest -rP`` shows it."""
    text = ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in measured.items())
    print(f"row {row}: {text}")
