"""Fixtures of the tests that run a thing thousands of times."""

from __future__ import annotations

import pytest


@pytest.fixture
def no_reconnect_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients reconnect at once."""
    monkeypatch.setattr("aiocapdist._protocol.backoff.FIRST", 0.0)
    monkeypatch.setattr("aiocapdist._protocol.backoff.BASE", 0.0)
