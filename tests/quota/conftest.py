"""A Redis server for all tests of one process, and makers of each kind of quota."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .contract import KINDS, Maker
from .redis.servers import Server, running


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture(params=KINDS)
def make_quota(request: pytest.FixtureRequest) -> Maker:
    return KINDS[request.param](request)
