"""What a token costs in a ledger file with thousands of them, counted in calls of functions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from aiocapdist.quota._file.store import FileStore


def calls_of_a_token(path: Path, limit: int) -> int:
    """Number of Python functions called to acquire and settle one, with a third of all spent."""
    store = FileStore(path, "3212", limit, 60.0, 0.0)
    checked = store.updater.check()
    assert checked is not None
    store.adopt(checked)
    for count in (limit // 3, 1):  # the second time nothing is done for the first time
        assert store.acquire(count, limit) == count
        store.settle(count, store.clock())
    calls = 0

    def count_calls(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count_calls)
    try:
        assert store.acquire(1, limit) == 1
        store.settle(1, store.clock())
    finally:
        sys.setprofile(before)
    store.close()
    return calls


def test_a_token_of_ten_thousand_takes_as_many_steps_as_one_of_thirty(tmp_path: Path) -> None:
    few, many = (calls_of_a_token(tmp_path / str(limit), limit) for limit in (30, 10_000))
    assert many == few
