"""OpenD in a thread of its own, since blocking calls leave no loop here to run it on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from aiocapdist import Quota, sync

from ..embedding.opend_thread import OpendThread, opend_in_thread


@pytest.fixture
def opend_thread() -> Iterator[OpendThread]:
    with opend_in_thread(quota=None) as running:
        yield running


@pytest.fixture
def client(opend_thread: OpendThread) -> Iterator[sync.Client]:
    with sync.connect(port=opend_thread.port, quota=Quota(10_000, 1.0)) as client:
        yield client


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never sends anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
