"""Options that several commands share: where OpenD is, and which quota to spend from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import Parameter

if TYPE_CHECKING:
    from .._client.connect import Connecting
    from ..quota import Quota

REDIS_VARIABLE = "AIOCAPDIST_REDIS"
RedisUrl: TypeAlias = Annotated[str | None, Parameter(env_var=REDIS_VARIABLE, show_env_var=True)]
"""In the environment a password in the URL is not visible to other users of the machine."""


@Parameter(name="*")
@dataclass(frozen=True)
class ConnectionOptions:
    """How to connect to OpenD.

    Parameters
    ----------
    address
        Address of OpenD: a host, host:port, or tcp://, ws:// or wss://host:port.
        [default: 127.0.0.1]
    rsa_key
        PEM file of the RSA key that OpenD uses too: encrypts a TCP connection.
    websocket_key
        Key of OpenD's WebSocket. Use the environment variable: other users do not see it.
    """

    address: str | None = None
    rsa_key: Path | None = None
    websocket_key: Annotated[
        str | None, Parameter(env_var="AIOCAPDIST_WEBSOCKET_KEY", show_env_var=True)
    ] = None

    @property
    def is_default(self) -> bool:
        """True if no option says where OpenD is."""
        return self.address is None

    def connect(self, quota: Quota | None) -> Connecting:
        """Return the client to enter. Raises ValueError for a wrong address."""
        from .. import connect

        address = self.address or "127.0.0.1"
        # A key in the environment is ignored for other transports instead of rejected.
        is_websocket = address.startswith(("ws://", "wss://"))
        return connect(
            address,
            quota=quota,
            rsa_key=self.rsa_key,
            websocket_key=self.websocket_key if is_websocket else None,
        )


@Parameter(name="*")
@dataclass(frozen=True)
class QuotaOptions:
    """Which quota to spend from.

    Parameters
    ----------
    quota_file
        Spend from the quota in this file, shared by all programs of this machine.
    quota_redis
        Spend from the quota on this Redis server, shared by many machines: redis://host:6379/0.
    quota_key
        Redis key of that quota, if it is not the default, which is made from the user id.
    """

    quota_file: Path | None = None
    quota_redis: RedisUrl = None
    quota_key: str | None = None

    @property
    def is_default(self) -> bool:
        """True if no option names a quota; the environment does not count."""
        return not (self.quota_file or self.quota_key or _given(self.quota_redis))

    def make_quota(self) -> Quota | None:
        """Return the quota that the options name, or None.

        Raises ValueError for options that exclude each other and for an invalid URL,
        ModuleNotFoundError without the extra ``redis``, QuotaUnavailable for a file on Windows.
        """
        redis = redis_url(self.quota_file, self.quota_redis, self.quota_key)
        if self.quota_file is not None:
            from ..quota._file.quota import FileQuota

            return FileQuota(self.quota_file)
        if redis is not None:
            from ..quota._redis.quota import RedisQuota

            return RedisQuota(redis, key=self.quota_key)
        return None


def redis_url(file: Path | None, redis: str | None, key: str | None) -> str | None:
    """Return the Redis server to use, or None; a file overrides the environment's server.

    Raises ValueError for options that exclude each other.
    """
    if file is not None and (redis := _given(redis)) is not None:
        raise ValueError("a quota is kept either in a file or on a Redis server: name one of them")
    if key is not None and redis is None:
        raise ValueError("a key belongs to a quota on a Redis server: name the server too")
    return redis


def _given(redis: str | None) -> str | None:
    """Return the server if it was given as an option, None if by the environment."""
    return None if redis == os.environ.get(REDIS_VARIABLE) else redis
