"""Fixtures of all tests. Every async test runs on asyncio, on asyncio with uvloop, and on trio."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from .support.loops import LOOPS

if TYPE_CHECKING:
    from .support.secret_scan import Observer


def pytest_configure() -> None:
    """Let Ctrl-C work in tests and in the programs they start.

    A run in the background of a shell script inherits that it is ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
async def observer(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Observer]:
    """All that can be seen of a client that uses sentinel keys, every log at DEBUG included."""
    from aiocapdist._loop import on_asyncio

    from .support.secret_scan import Observer, use_sentinel_keys

    caplog.set_level(logging.DEBUG)
    for name in ("aiocapdist", "asyncio", "websockets", "websockets.client", "anyio", "trio"):
        caplog.set_level(logging.DEBUG, name)
    use_sentinel_keys(monkeypatch)
    if not on_asyncio():
        yield Observer(caplog)
        return
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0  # each callback is logged, with its arguments
    yield Observer(caplog)
    loop.set_debug(False)
