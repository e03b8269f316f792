"""Fixtures for all tests of the command line."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiocapdist.cli.app import app
from aiocapdist.cli.language import use_language

SETTINGS = (
    "COLUMNS",
    "FORCE_COLOR",
    "LANGUAGE",
    "LC_ALL",
    "LC_MESSAGES",
    "NO_COLOR",
    "PYTHONUNBUFFERED",
    "TERM",
    "TTY_COMPATIBLE",
)


@pytest.fixture
def state_folder(tmp_path: Path) -> Path:
    """Where commands keep quota files: a folder of each test's own."""
    return tmp_path / "state"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, state_folder: Path) -> Iterator[None]:
    """Remove the settings of terminal and user, and let commands react to Ctrl-C, in English.

    Tests run in the background of a shell script inherit an ignored SIGINT.
    """
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    monkeypatch.setenv("XDG_STATE_HOME", str(state_folder))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    # The parser keeps its console, and with it the width of the terminal it was first used in.
    monkeypatch.setattr(app.meta, "_fallback_console", None)
    yield
    use_language("en")
    app.help_formatter = None
    signal.signal(signal.SIGINT, before)
