"""Quotas: how many requests the account may make, and which is sent next."""

from .._lazy import load_lazily

TYPE_CHECKING = False

if TYPE_CHECKING or not load_lazily(globals()):
    from ._core.quota import Quota as Quota
    from ._file.quota import FileQuota as FileQuota
    from ._redis.quota import RedisQuota as RedisQuota
