"""Load the pages' snippets."""

from __future__ import annotations

import runpy
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio

from aiocapdist.simulator import Simulator

from .pages import SNIPPETS


def load(name: str) -> dict[str, Any]:
    """Run a snippet's file; return its names."""
    return runpy.run_path(str(SNIPPETS / f"{name}.py"))


def main_of(name: str) -> Callable[..., Coroutine[Any, Any, None]]:
    """Return a snippet's ``main``."""
    main: Callable[..., Coroutine[Any, Any, None]] = load(name)["main"]
    return main


@asynccontextmanager
async def opend() -> AsyncIterator[Simulator]:
    """A simulator for a snippet, for ten seconds at most."""
    with anyio.fail_after(10):
        async with Simulator(seed=1) as simulator:
            yield simulator
