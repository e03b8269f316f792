"""Quotas: how many requests the account may make, and who goes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._core.quota import Quota

if TYPE_CHECKING:
    from ._file.quota import FileQuota as FileQuota
    from ._redis.quota import RedisQuota as RedisQuota

__all__ = ["FileQuota", "Quota", "RedisQuota"]


def __getattr__(name: str) -> object:
    if name == "FileQuota":
        from ._file.quota import FileQuota

        return FileQuota
    if name == "RedisQuota":
        from ._redis.quota import RedisQuota

        return RedisQuota
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
