"""A token that is found free while a wait is being told of is offered all the same."""

from __future__ import annotations

import fcntl
import sys
from pathlib import Path

import pytest

from aiocapdist.quota import FileQuota
from aiocapdist.quota._core.quota import scheduler_of

from .stubs import Asking, Clock, Watched, run_out, running, scheduler


class Passing(Clock):
    """Time passes with each look at the clock."""

    def __call__(self) -> float:
        now = super().__call__()
        self.now += 0.25
        return now


@pytest.mark.parametrize("early", [0.0, 0.1, 0.3, 0.6, 0.9, 1.1, 1.6])
def test_one_that_expires_out_between_the_grant_and_the_estimate(early: float) -> None:
    quota = scheduler(1, 30.0, margin=0.0)
    clock = Passing()
    quota.attach(clock, Watched())
    assert quota.try_acquire(0.0)
    quota.replied(0.0)
    clock.now = 30.0 - early
    place = Asking(quota, 1)
    quota.pump()
    run_out(quota, clock)
    assert place.granted == 1


@pytest.mark.skipif(sys.platform == "win32", reason="ledger files need flock")
@pytest.mark.parametrize("passes", [0.0, 0.001, 0.003])
def test_one_in_a_file_that_was_locked_only_at_the_grant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passes: float
) -> None:
    path = tmp_path / "ledger"
    quota = scheduler_of(FileQuota(path))
    clock = running(quota)
    take = quota.store.acquire

    def take_while_locked(*wanted: int) -> int:
        monkeypatch.undo()
        with path.open() as locked:
            fcntl.flock(locked, fcntl.LOCK_EX)
            taken = take(*wanted)
        clock.now += passes
        return taken

    assert quota.try_acquire(clock.now)
    quota.release()
    monkeypatch.setattr(quota.store, "acquire", take_while_locked)
    place = Asking(quota, 1)
    quota.pump()
    assert place.granted == 0
    for _ in range(3):  # a file's keeper never runs out of duties
        due = quota.next_due()
        assert due is not None
        if due <= 1.0:
            clock.now = max(clock.now, due)
            quota.pump()
    assert place.granted == 1
