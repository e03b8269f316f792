"""The event loops that async tests run on, as parameters of the ``anyio_backend`` fixture."""

from __future__ import annotations

import sys
from typing import Any

import pytest

LOOPS: list[Any] = [
    pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
    pytest.param(("trio", {}), id="trio"),
]
if sys.platform != "win32":  # uvloop does not exist there
    uvloop = pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop", marks=pytest.mark.uvloop)
    LOOPS.insert(1, uvloop)

ASYNCIO_LOOPS = [loop for loop in LOOPS if loop.id != "trio"]
STEPPED_LOOPS = [loop for loop in LOOPS if loop.id != "uvloop"]
"""Loops whose steps can be counted, and that run the same each time."""
