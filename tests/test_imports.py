"""The cost of starting, as names of modules: what a program does not use is not loaded."""

from __future__ import annotations

from benchmarks.modules import differences


def test_starting_loads_the_same_modules_as_before() -> None:
    """A module more or fewer on purpose: ``python -m benchmarks.modules --write``."""
    assert differences() == []
