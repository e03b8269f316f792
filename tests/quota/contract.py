"""Each kind of quota, made by one function: what they promise alike is tested over all.

A kind is a function from a test's request to a maker. All quotas of one maker spend from one
account, as those of several programs would; where that takes one object, it is the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import pytest

from aiocapdist import Quota
from aiocapdist.quota import FileQuota, RedisQuota

from .redis.servers import REASON, Server, binary

Maker: TypeAlias = Callable[..., Quota]
"""Called as Quota is."""


def local(request: pytest.FixtureRequest) -> Maker:
    made: list[Quota] = []

    def make(*args: Any, **options: Any) -> Quota:
        if not made:
            made.append(Quota(*args, **options))
        return made[0]

    return make


def file(request: pytest.FixtureRequest) -> Maker:
    if sys.platform == "win32":
        pytest.skip("there is no FileQuota on Windows")
    folder: Path = request.getfixturevalue("tmp_path")

    def make(*args: Any, **options: Any) -> Quota:
        return FileQuota(folder / "quota", *args, **options)

    return make


def redis(request: pytest.FixtureRequest) -> Maker:
    if binary() is None:
        pytest.skip(REASON)
    if request.getfixturevalue("anyio_backend_name") == "trio":
        pytest.skip("redis-py runs on asyncio only")
    server: Server = request.getfixturevalue("redis_server")
    key = uuid4().hex
    server.warm(key)

    def make(*args: Any, **options: Any) -> Quota:
        return RedisQuota(server.url, key, *args, **options)

    return make


KINDS: dict[str, Callable[[pytest.FixtureRequest], Maker]] = {
    "local": local,
    "file": file,
    "redis": redis,
}


def shares_objects(quota: Quota) -> bool:
    """Whether several programs' quotas are one object, of one event loop."""
    return type(quota) is Quota
