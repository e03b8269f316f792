"""One OpenD for all tests of a module, in a thread of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from .opend_thread import OpendThread, opend_in_thread


@pytest.fixture(scope="module")
def opend_thread() -> Iterator[OpendThread]:
    with opend_in_thread(quota=None) as running:
        yield running


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never sends anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
