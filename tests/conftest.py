"""Every async test runs on asyncio, on asyncio with uvloop, and on trio."""

from __future__ import annotations

import sys
from typing import Any

import pytest

LOOPS: list[Any] = [
    pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
    pytest.param(("trio", {}), id="trio"),
]
if sys.platform != "win32":  # uvloop does not exist there
    LOOPS.insert(1, pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"))


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param
