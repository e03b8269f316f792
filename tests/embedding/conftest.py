"""One OpenD for a module's tests, in a thread of its own."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator

import pytest

from .elsewhere import Elsewhere, opend_elsewhere


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    with opend_elsewhere(quota=None) as running:
        gc.freeze()  # what is here by now is not looked through again by each test
        yield running
        gc.unfreeze()


@pytest.fixture
def hush() -> Iterator[int]:
    """A port that lets everyone in and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
