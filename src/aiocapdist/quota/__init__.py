"""Quotas: how many requests the account may make, and who goes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .local import Quota

if TYPE_CHECKING:
    from .file import FileQuota as FileQuota
    from .redis import RedisQuota as RedisQuota

__all__ = ["FileQuota", "Quota", "RedisQuota"]


def __getattr__(name: str) -> object:
    if name == "FileQuota":
        from .file import FileQuota

        return FileQuota
    if name == "RedisQuota":
        from .redis import RedisQuota

        return RedisQuota
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
