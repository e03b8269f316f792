"""Which shared quota a command is told to use: by its options, or by the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from ..quota import Quota

VARIABLE = "AIOCAPDIST_REDIS"
Redis: TypeAlias = Annotated[str | None, Parameter(env_var=VARIABLE, show_env_var=True)]
"""A URL may hold a password: other users see the options of a command, not its environment."""


def named(redis: str | None) -> str | None:
    """The server that an option names; None for the environment's, which others overrule."""
    return None if redis == os.environ.get(VARIABLE) else redis


def shared_quota(file: Path | None, redis: str | None, key: str | None) -> Quota | None:
    """The quota that is meant; None where none is.

    Raises ValueError for options that contradict each other and for what is no URL,
    ModuleNotFoundError without the extra ``redis``, QuotaUnavailable for a file on Windows.
    """
    redis = chosen(file, redis, key)
    if file is not None:
        from ..quota._file.quota import FileQuota

        return FileQuota(file)
    if redis is not None:
        from ..quota._redis.quota import RedisQuota

        return RedisQuota(redis, key=key)
    return None


def chosen(file: Path | None, redis: str | None, key: str | None) -> str | None:
    """The server, where no file is named. Raises ValueError for options that contradict."""
    if file is not None and (redis := named(redis)) is not None:
        raise ValueError("a quota is kept in a file or on a Redis server: name one of them")
    if key is not None and redis is None:
        raise ValueError("a key is that of a quota on a Redis server: name that too")
    return redis
