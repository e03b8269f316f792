"""Load the pages' snippets."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Coroutine
from typing import Any

from .pages import SNIPPETS


def load(name: str) -> dict[str, Any]:
    """Run a snippet's file; return its names."""
    return runpy.run_path(str(SNIPPETS / f"{name}.py"))


def main_of(name: str) -> Callable[..., Coroutine[Any, Any, None]]:
    """Return a snippet's ``main``."""
    main: Callable[..., Coroutine[Any, Any, None]] = load(name)["main"]
    return main
