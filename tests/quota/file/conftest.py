"""A machine of our own for each test that asks for one; no test where there is no ``flock``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

if sys.platform == "win32":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    from .machine import Machine

    return Machine(tmp_path / "ledger", monkeypatch)
