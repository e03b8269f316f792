"""What a token costs in a ledger file with thousands of them, counted in calls of functions."""

from __future__ import annotations

from pathlib import Path

from aiocapdist.quota._file.store import FileStore

from ..counting import operations


def calls_of_a_token(path: Path, limit: int) -> int:
    """Number of functions called to acquire and settle one, with a third of all spent.

    The least of a few: on a busy machine the file may have to be written a second time.
    """
    store = FileStore(path, "3212", limit, 60.0, 0.0)
    checked = store.updater.check()
    assert checked is not None
    store.adopt(checked)
    for count in (limit // 3, 1):  # the second time nothing is done for the first time
        assert store.acquire(count, limit) == count
        store.settle(count, store.clock())

    def spend_one() -> None:
        assert store.acquire(1, limit) == 1
        store.settle(1, store.clock())

    calls = min(operations(spend_one) for _ in range(3))
    store.close()
    return calls


def test_a_token_of_ten_thousand_takes_as_many_steps_as_one_of_thirty(tmp_path: Path) -> None:
    few, many = (calls_of_a_token(tmp_path / str(limit), limit) for limit in (30, 10_000))
    assert many == few
