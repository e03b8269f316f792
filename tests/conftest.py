"""Fixtures of all tests. Every async test runs on asyncio, on asyncio with uvloop, and on trio."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aiocapdist.quota._core.defaults import forget_default_quotas

from .support.loops import LOOPS

if TYPE_CHECKING:
    from .support.secret_scan import Observer

TESTS = Path(__file__).parent

SLOWEST_FIRST = (
    "quota/redis/test_kills.py",
    "stateful/test_everything.py",
    "quota/test_contract.py",
    "promises/test_cancelling_many.py",
    "web/test_page.py",
    "promises/test_decoder.py",
    "cli/test_watch.py",
    "virtual/test_watch_in_time.py",
    "promises/test_running_again.py",
    "promises/test_closing_everywhere.py",
    "promises/test_bridge.py",
    "quota/file/test_in_time.py",
    "promises/test_siblings.py",
    "promises/test_ledger_swapped.py",
    "quota/redis/test_losing.py",
    "promises/test_paid_answers.py",
    "_client/test_group.py",
    "promises/test_neighbours.py",
    "promises/test_recording.py",
    "promises/test_half_frames.py",
    "interop/test_sealed.py",
    "cli/test_language.py",
    "recording/test_recording.py",
    "promises/test_interrupted_closing.py",
)
"""Files that take longest, those that wait beside those that compute: run first, so that parallel
workers finish at the same time."""

ENVIRONMENT = (
    "AIOCAPDIST_ADDRESS",
    "AIOCAPDIST_REDIS",
    "AIOCAPDIST_RSA_KEY",
    "AIOCAPDIST_WEBSOCKET_KEY",
    "FUTU_OPEND_HOST",
    "FUTU_OPEND_PORT",
)
"""Variables that connect() reads."""

LANGUAGES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES")
"""Variables that name a language beside LANG."""


def pytest_configure(config: pytest.Config) -> None:
    # A run in the background of a shell script inherits that Ctrl-C is ignored, and so would
    # the programs that tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Programs that tests start would compile the whole package each time: a third of their time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Where the user's own OpenD is must not matter, in programs that tests start neither.
    for name in (*ENVIRONMENT, *LANGUAGES):
        os.environ.pop(name, None)
    os.environ["LANG"] = "C.UTF-8"
    # What listens here is reached without the proxy that the user's network may need.
    for name in ("no_proxy", "NO_PROXY"):
        others = os.environ.get(name)
        os.environ[name] = ",".join(
            [*([others] if others else []), "127.0.0.1", "localhost", "::1"]
        )
    # Hypothesis would come with the first test or report that needs it, and look for the objects
    # that refer to trio's random numbers: among frozen ones it finds none, and warns.
    hypothesis = importlib.import_module("hypothesis")
    # How long an example takes depends on what else the machine does. A test has the settings that
    # were loaded when it was imported.
    slow = hypothesis.HealthCheck.too_slow
    hypothesis.settings.register_profile("any machine", deadline=None, suppress_health_check=[slow])
    hypothesis.settings.load_profile("any machine")
    # pytest-xdist would run the files with the most tests first.
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    gc.disable()  # little of what is made here is garbage, and looking for it takes a tenth
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {TESTS / name: n for n, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


def pytest_collection_finish() -> None:
    # Thousands of tests live to the end: collecting garbage, as many do, took 0.3 s each time.
    gc.freeze()
    gc.set_threshold(10_000)  # and each time it was looked for by itself, a twentieth of the tests'


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(autouse=True)
def own_default_quotas() -> Iterator[None]:
    """Let no test spend from a default quota that an earlier one left."""
    yield
    forget_default_quotas()


@pytest.fixture
def patient_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for what tells the protocol of a peer that is not OpenD, however busy the machine."""
    monkeypatch.setattr("aiocapdist._connection.probe._TIMEOUT", 20.0)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens, and that nobody else gets meanwhile."""
    from .support.ports import kept_port

    with kept_port() as port:
        yield port


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
