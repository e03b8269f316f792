"""Fixtures for all tests of the command line."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

SETTINGS = ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "PYTHONUNBUFFERED", "TERM", "TTY_COMPATIBLE")


@pytest.fixture
def state_folder(tmp_path: Path) -> Path:
    """Where commands keep quota files: a folder of each test's own."""
    return tmp_path / "state"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, state_folder: Path) -> Iterator[None]:
    """Remove the settings of terminal and user, and let commands react to Ctrl-C.

    Tests run in the background of a shell script inherit an ignored SIGINT.
    """
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    monkeypatch.setenv("XDG_STATE_HOME", str(state_folder))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
