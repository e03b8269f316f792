"""redis-py runs on asyncio only: with its own loop and with uvloop."""

from __future__ import annotations

from typing import Any

import pytest

from ...support.loops import ASYNCIO_LOOPS

GRACE = 0.05
"""Seconds, in place of one: else each wait for a dead owner's tokens would take that long."""


@pytest.fixture(params=ASYNCIO_LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("exchange", "leases"):
        monkeypatch.setattr(f"aiocapdist.quota._redis.{module}.GRACE", GRACE)
