"""Fixtures for all tests of the command line."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

SETTINGS = ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "PYTHONUNBUFFERED", "TERM", "TTY_COMPATIBLE")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Remove the settings of the terminal, and let commands react to Ctrl-C.

    Tests run in the background of a shell script inherit an ignored SIGINT.
    """
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
