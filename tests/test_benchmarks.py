"""Benchmarks that no check runs, in small: what they need of the library is there."""

from __future__ import annotations

import pytest

from aiocapdist._requests import given_codes
from benchmarks import memory


def test_what_waits_is_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "WAITING", 500)
    monkeypatch.setattr(given_codes, "COUNTED_AT_ONCE", 100)
    assert 500 < memory.bytes_per_single_call() < 20_000
    assert memory.bytes_per_code() < memory.bytes_per_single_call()
