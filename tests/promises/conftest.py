"""Fixtures of the tests that run a thing thousands of times."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def only_new_garbage() -> Iterator[None]:
    """Let the garbage collector skip what exists by now: each test would look through it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def no_reconnect_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients reconnect at once."""
    monkeypatch.setattr("aiocapdist._protocol.backoff.FIRST", 0.0)
    monkeypatch.setattr("aiocapdist._protocol.backoff.BASE", 0.0)
