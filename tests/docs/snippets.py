"""Load the pages' snippets, run them against a simulator, compare what they print."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

import anyio

from aiocapdist.simulator import Simulator

from .pages import DOCS, SNIPPETS

MORNING = 1_741_055_400.0
"""2025-03-04 10:30 in Hong Kong: with it and a seed, figures are the same each time."""


def load(name: str, replaced: dict[str, str] | None = None) -> dict[str, Any]:
    """Run a snippet's file, with some texts such as ports replaced; return its names."""
    source = (SNIPPETS / f"{name}.py").read_text("utf-8")
    for text, other in (replaced or {}).items():
        assert text in source, f"{name} does not say {text}"
        source = source.replace(text, other)
    names: dict[str, Any] = {"__name__": name}
    exec(compile(source, f"{name}.py", "exec"), names)
    return names


def main_of(
    name: str, replaced: dict[str, str] | None = None
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Return a snippet's ``main``."""
    main: Callable[[], Coroutine[Any, Any, None]] = load(name, replaced)["main"]
    return main


@asynccontextmanager
async def opend(**options: Any) -> AsyncIterator[Simulator]:
    """A simulator that `connect()` finds by the environment, for thirty seconds at most."""
    options.setdefault("seed", 1)
    options.setdefault("now", lambda: MORNING)
    with anyio.fail_after(30):
        async with Simulator(**options) as simulator:
            address = f"tcp://127.0.0.1:{simulator.port}"
            with patch.dict(os.environ, {"AIOCAPDIST_ADDRESS": address}):
                yield simulator


def shown_output(name: str) -> str:
    """Return the output that a page shows below a snippet."""
    pages = "\n".join(path.read_text("utf-8") for path in sorted(DOCS.rglob("*.md")))
    code = rf"\{{literalinclude\}} (?:\.\./)*snippets/{name}\.py\n```\n"
    below = rf"{code}(?:(?!```)[^\n]*\n)*```text\n(.*?)^```"
    found = re.findall(below, pages, re.M | re.S)
    assert found, f"no page shows what {name} prints"
    assert len(set(found)) == 1
    text: str = found[0]
    return text
