"""The quota of clients that were given none: one for each OpenD, in each process."""

from __future__ import annotations

import os
import threading

import pytest

from aiocapdist.quota._core.defaults import (
    default_quota,
    forget_default_quota,
    forget_default_quotas,
)

from .forks import in_a_fork


@pytest.fixture(autouse=True)
def as_new() -> None:
    forget_default_quotas()


def test_it_is_one_for_each_address_and_outlives_its_users() -> None:
    quota = default_quota("127.0.0.1:11111")
    assert default_quota("127.0.0.1:11111") is quota
    assert default_quota("127.0.0.1:22222") is not quota
    forget_default_quotas()
    assert default_quota("127.0.0.1:11111") is not quota


def test_that_of_one_address_can_be_forgotten() -> None:
    quota, other = (default_quota(f"127.0.0.1:{port}") for port in (11111, 22222))
    forget_default_quota("127.0.0.1:11111")
    assert default_quota("127.0.0.1:11111") is not quota
    assert default_quota("127.0.0.1:22222") is other


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_fork_in_the_middle_of_looking_it_up_hangs_nobody() -> None:
    """The thread that has the lock is not in the child."""
    from aiocapdist.quota._core import defaults

    has_it, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with defaults._lock:
            has_it.set()
            go_on.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    has_it.wait()
    try:
        assert in_a_fork(lambda: default_quota("127.0.0.1:11111") is not None) == 0
    finally:
        go_on.set()
        thread.join()
